"""Notes of commits, alerts, runs and days, by the real n8n and the real model server.

A day long ago, so that nothing else in the vault is touched.
"""

from __future__ import annotations

import calendar
import json
import shlex
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from deploys.vault import VAULT
from lab import network
from tests.lab.conftest import converge, shell
from tests.lab.notes import (
    DAY,
    HOST,
    SERVER,
    address,
    event,
    everything,
    front_matter,
    made_up_sha,
    names,
    posted,
    secret,
    text,
)
from tests.lab.waiting import wait_until
from tests.unit.hostile_texts import HOSTILE

pytestmark = pytest.mark.lab

OBSERVATION = "sclimers-observation"
FINGERPRINT = "00112233445566ff"


@pytest.fixture(scope="module", autouse=True)
def vault() -> None:
    converge("n8n", "alertmanager")


@contextmanager
def stopped_model() -> Iterator[None]:
    stack = "docker compose --project-name llama_cpp"
    shell(SERVER, f"{stack} stop")
    try:
        yield
    finally:
        shell(SERVER, f"{stack} start")


@contextmanager
def stopped_alertmanager() -> Iterator[None]:
    """An alert that begins or ends meanwhile would be a note of its own."""
    shell(OBSERVATION, "systemctl stop prometheus-alertmanager")
    try:
        yield
    finally:
        shell(OBSERVATION, "systemctl start prometheus-alertmanager")


def commit(number: int) -> dict[str, Any]:
    return event(made_up_sha(number))


def test_three_commits_become_three_tagged_notes_however_often_they_come() -> None:
    events = [commit(number) for number in (1, 2, 3)]
    first = [posted("commits", one) for one in events]
    assert [(answer.status, answer.body["state"]) for answer in first] == [(201, "tagged")] * 3
    with ThreadPoolExecutor(max_workers=6) as pool:
        again = list(pool.map(lambda one: posted("commits", one), events * 3))
    assert {(answer.status, answer.body["state"]) for answer in again} == {(200, "unchanged")}
    found = names(f"Commits/{DAY} notes-test *")
    assert found == [
        f"Commits/{DAY} notes-test {made_up_sha(number)[:12]}.md" for number in (1, 2, 3)
    ]
    tags = front_matter(found[0])["tags"]
    assert tags
    assert "untagged" not in tags


def test_the_same_new_commit_many_times_at_once_becomes_one_note() -> None:
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda _: posted("commits", commit(4)), range(6)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
    (name,) = names(f"Commits/* {made_up_sha(4)[:12]}.md")
    assert text(name).count("---\n") == 2


def test_without_the_model_a_note_waits_for_its_tags_and_keeps_what_a_person_adds() -> None:
    with stopped_model():
        answer = posted("commits", commit(5))
        assert (answer.status, answer.body["state"]) == (202, "untagged")
        name = answer.body["note"]
        assert front_matter(name)["tags"] == ["untagged"]
        shell(HOST, f"printf 'My own thought.\\n' >>{shlex.quote(f'{VAULT}/{name}')}")
        assert posted("commits", commit(5)).status == 202
    wait_until("the model is back", lambda: posted("commits", commit(5)).status == 201, 120)
    assert "untagged" not in front_matter(name)["tags"]
    assert text(name).endswith("My own thought.\n")


@pytest.mark.parametrize("bearer", ["", "wrong"])
@pytest.mark.parametrize("webhook", ["commits", "alerts", "daily"])
def test_without_the_token_nothing_is_written(webhook: str, bearer: str) -> None:
    before = names(f"*/{DAY}*.md")
    assert posted(webhook, commit(6), bearer).status == 403
    assert names(f"*/{DAY}*.md") == before


def test_hostile_input_becomes_valid_notes_and_nothing_else() -> None:
    texts = [part[:900] for part in HOSTILE.values()]
    events = [
        event(
            made_up_sha(100 + at),
            repository="../../etc/cron.d" if at % 2 else part,
            branch=part,
            author=part,
            message=part * 20,
            files=[{"status": "A", "path": part}],
        )
        for at, part in enumerate(texts)
    ]
    with stopped_alertmanager():
        before = everything()
        with stopped_model():
            assert {posted("commits", one).status for one in events} == {202}
        new = set(everything().splitlines()) - set(before.splitlines())
    notes = names(f"Commits/{DAY} * {made_up_sha(0)[:8]}0[01]??.md")
    hostile = [name for name in notes if front_matter(name)["tags"] == ["untagged"]]
    assert len(hostile) == len(events)
    changed = {line.rpartition(" ")[0] for line in new}
    expected = {f"{VAULT}/{name}" for name in hostile} | {f"{VAULT}/Daily/{DAY}.md"}
    # Those of today and yesterday are written anew at each full hour.
    days = {f"{VAULT}/{name}" for name in names("Daily/*.md")} - expected
    found = {name for name in changed if name.startswith((VAULT, "/etc", "/root"))}
    assert found - days == expected
    assert shell(HOST, "ls /tmp/pwned 2>&1 || :").startswith("ls:")


@pytest.mark.parametrize(
    "body", [{}, {"sha": "x"}, event("a" * 40, message="x" * 65537), event("../" * 10)]
)
def test_what_is_no_event_is_refused_for_good(body: Any) -> None:
    answer = posted("commits", body)
    assert answer.status == 422
    assert answer.body["error"]


def alert(status: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "NotesTest", "instance": DAY, "severity": "warning"},
        "annotations": {"summary": "It was [[broken]]", "runbook": "Mend it."},
        "startsAt": f"{DAY}T11:00:00Z",
        **({"endsAt": f"{DAY}T11:12:30Z"} if status == "resolved" else {}),
    }


def test_alertmanager_itself_has_an_incident_written_and_completed() -> None:
    name = f"Incidents/{DAY} NotesTest *.md"
    tell_alertmanager(alert("firing"))
    wait_until("the incident has a note", lambda: bool(names(name)), 120)
    (path,) = names(name)
    assert front_matter(path)["status"] == "firing"
    tell_alertmanager(alert("resolved"))
    wait_until("it is completed", lambda: front_matter(path)["status"] == "resolved", 420)
    assert "**Resolved** after" in text(path)


def tell_alertmanager(one: dict[str, Any]) -> None:
    where = shell(OBSERVATION, "hostname -I").split()[0]
    body = shlex.quote(json.dumps([one]))
    url = f"http://{where}:9093/api/v2/alerts"
    shell(OBSERVATION, f"curl --fail --silent -H 'Content-Type: application/json' -d {body} {url}")


def test_an_alert_is_completed_and_a_second_start_has_a_note_of_its_own() -> None:
    first = alert("firing") | {"status": "firing", "fingerprint": FINGERPRINT, "endsAt": ""}
    again = first | {"startsAt": f"{DAY}T15:00:00Z"}
    over = alert("resolved") | {"status": "resolved", "fingerprint": FINGERPRINT}
    for body in (first, first, again, over, over):
        assert posted("alerts", {"alerts": [body]}).status == 200
    base = f"Incidents/{DAY} NotesTest {FINGERPRINT[:8]}"
    assert names(f"{base}*") == [f"{base} 150000.md", f"{base}.md"]
    assert front_matter(f"{base}.md")["minutes"] == 12.5
    assert front_matter(f"{base} 150000.md")["status"] == "firing"


def test_a_note_that_cannot_be_written_is_answered_500_and_counted() -> None:
    shell(HOST, f"chmod g-w {VAULT}/Commits")
    try:
        assert posted("commits", commit(7)).status == 500
    finally:
        shell(HOST, f"chmod g+w {VAULT}/Commits")
    metrics = shell(HOST, f"curl --silent http://{address()}:5678/metrics")
    assert 'n8n_workflow_failed_total{workflow_id="commitNotes000001"}' in metrics
    assert posted("commits", commit(7)).status in (201, 202)


def mlflow(path: str, body: dict[str, Any]) -> Any:
    """What MLflow's API answers, asked from n8n's host with the login that n8n has."""
    host = network.read().hosts["sclimers-mlflow"]
    url = f"http://{host}:5000/api/2.0/mlflow/{path}"
    login = f"admin:{secret('mlflow/admin-password')}"
    command = ["curl", "--silent", "--fail", "--user", login, "--json", json.dumps(body), url]
    return json.loads(shell(HOST, shlex.join(command)))


def test_a_finished_run_of_mlflow_has_one_note_and_is_asked_for_no_more() -> None:
    at = calendar.timegm(time.strptime(f"{DAY} 12:00", "%Y-%m-%d %H:%M")) * 1000
    experiment = mlflow("experiments/create", {"name": f"notes test {time.time()}"})
    started = {**experiment, "run_name": "../llama [[x]] | 8", "start_time": at}
    run = mlflow("runs/create", started)["run"]["info"]["run_id"]
    mlflow("runs/log-metric", {"run_id": run, "key": "loss", "value": 0.5, "timestamp": at})
    mlflow("runs/log-parameter", {"run_id": run, "key": "users", "value": "<b> | [[x]]"})
    mlflow("runs/update", {"run_id": run, "status": "FINISHED", "end_time": at + 90_000})
    name = f"Experiments/{DAY} llama-x-8 {run[:8]}.md"
    wait_until("the run has its note", lambda: names(name) == [name], 150)
    assert front_matter(name)["minutes"] == 1.5
    assert "| loss | 0.5 |" in text(name)
    wait_until("MLflow knows of it", lambda: tagged(experiment, run) == name, 60)
    mlflow("experiments/delete", experiment)


def tagged(experiment: dict[str, Any], run: str) -> str:
    """The note that MLflow has for the run; empty for none."""
    found = mlflow("runs/search", {"experiment_ids": [experiment["experiment_id"]]})
    tags = [tag for one in found["runs"] for tag in one["data"].get("tags", [])]
    return next((tag["value"] for tag in tags if tag["key"] == "ai-idp.note"), "")


def test_the_daily_note_links_them_all_and_is_written_once() -> None:
    note = f"Daily/{DAY}.md"
    # The model may be cut off in the middle of its sentence; it is asked again until it has one.
    wait_until("the note has all that it will have", unchanged)
    linked = [name for name in names(f"*/{DAY} *.md") if not name.startswith("Daily")]
    assert linked
    assert [name for name in linked if f"[[{name.removesuffix('.md')}|" not in text(note)] == []
    changed_at = shell(HOST, f"stat -c %Y.%s {VAULT}/{note}")
    time.sleep(1.1)
    assert unchanged()
    assert shell(HOST, f"stat -c %Y.%s {VAULT}/{note}") == changed_at


def unchanged() -> bool:
    """Whether the day's note, asked for once more, stays as it is."""
    answer = posted("daily", {"date": DAY}).body
    return bool(answer == {"notes": [{"note": f"Daily/{DAY}.md", "state": "unchanged"}]})
