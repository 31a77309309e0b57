"""Workflows: the files are what the code says, and the code makes valid notes of anything."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
import yaml

from tests.unit.hostile_texts import HOSTILE
from tests.unit.workflow_code import called
from workflows import catalogue
from workflows.nodes import MLFLOW_LOGIN, MODEL_KEY, TOKEN

SHA = "3f2a1b9c0d12" + "a" * 28
TAGGED = {"tags": ["fix", "nginx"], "summary": "It works."}
UNTAGGED = {"tags": [], "summary": ""}
FINGERPRINT = "b4e3c1d2a5f60718"
PLACEHOLDERS = {"VAULT", "MODEL_URL", "MODEL", "PROMETHEUS_URL", "MLFLOW_URL", "MLFLOW_PAGE"}


def event(**changes: Any) -> dict[str, Any]:
    return {
        "repository": "ai-idp",
        "branch": "main",
        "sha": SHA,
        "author": "Ann",
        "email": "ann@example.org",
        "committed": "2026-11-21T10:00:00Z",
        "message": "Fix TLS\n\nOld clients failed.",
        "message_truncated": False,
        "files": [{"status": "M", "path": "nginx.conf"}],
        "more_files": 0,
    } | changes


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "HostDown", "instance": "xps15", "severity": "critical"},
        "annotations": {"summary": "xps15 is down", "runbook": "Look."},
        "startsAt": "2026-11-21T10:02:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://192.0.2.1:9090/graph?g0.expr=up",
        "fingerprint": FINGERPRINT,
    } | changes


def named(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = called("incident.js", "alertsOf", {"alerts": [alert(**changes)]})
    return dict(found["alerts"][0])


def front_matter(note: str) -> Any:
    assert note.startswith("---\n")
    return yaml.safe_load(note[4 : note.index("\n---\n", 4)])


def outside_code(note: str) -> str:
    """The note after its front matter, without its fenced block, as Markdown reads it."""
    body = note[note.index("\n---\n", 4) + 5 :]
    kept, fence = [], ""
    for line in body.split("\n"):
        opening = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line == fence else fence
        elif opening:
            fence = opening[0]
        else:
            kept.append(line)
    assert fence == "", "the block never ends"
    return "\n".join(kept)


def test_the_files_are_what_the_code_says() -> None:
    assert catalogue.outdated() == [], "run `make docs`"


def test_ids_credentials_and_placeholders_are_those_that_role_n8n_fills() -> None:
    built = {name: workflow.build() for name, workflow in catalogue.WORKFLOWS.items()}
    assert {name: workflow["id"] for name, workflow in built.items()} == {
        "commits": "commitNotes000001",
        "daily": "dailySummary00001",
        "incidents": "incidentNotes0001",
        "experiments": "experimentNotes01",
    }
    nodes = [node for workflow in built.values() for node in workflow["nodes"]]
    used = [node["credentials"] for node in nodes if "credentials" in node]
    assert all(one in (TOKEN, MODEL_KEY, MLFLOW_LOGIN) for one in used)
    assert set(re.findall(r"@@(.*?)@@", json.dumps(built))) == PLACEHOLDERS


@pytest.mark.parametrize("name", catalogue.WORKFLOWS)
def test_every_webhook_asks_for_the_token_and_is_answered(name: str) -> None:
    nodes = catalogue.WORKFLOWS[name].build()["nodes"]
    for node in [one for one in nodes if one["type"].endswith(".webhook")]:
        assert node["credentials"] == TOKEN
        assert node["parameters"]["authentication"] == "headerAuth"
        assert any(other["type"].endswith(".respondToWebhook") for other in nodes)


@pytest.mark.parametrize("name", catalogue.WORKFLOWS)
def test_every_edge_leads_from_a_node_to_a_node(name: str) -> None:
    workflow = catalogue.WORKFLOWS[name]
    names = {node.name for node in workflow.nodes}
    assert {end for edge in workflow.edges for end in (edge.source, edge.target)} == names


def test_no_workflow_runs_a_command_or_reads_the_environment() -> None:
    text = json.dumps([workflow.build() for workflow in catalogue.WORKFLOWS.values()])
    assert "executeCommand" not in text
    assert "$env" not in text
    assert "require(" not in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_stays_text(text: str) -> None:
    given = event(
        message=text[:65536],
        author=text[:200],
        branch=text[:200],
        repository=text[:200],
        files=[{"status": "A", "path": text[:500]}],
    )
    note = called("commit.js", "newCommitNote", given, TAGGED)
    head = front_matter(note)
    assert (head["type"], head["tags"], head["sha"]) == ("commit", ["fix", "nginx"], SHA)
    assert_harmless(note)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_alert_stays_text(text: str) -> None:
    texts = {"summary": text[:2000], "runbook": text[:2000], text[:50]: text[:2000]}
    labels = {"alertname": text[:2000], "severity": text[:100], text[:50]: text[:200]}
    found = named(annotations=texts, labels=labels, generatorURL=text[:500])
    note = called("incident.js", "newIncidentNote", found)
    assert front_matter(note)["fingerprint"] == FINGERPRINT
    assert re.fullmatch(
        r"2026-11-21 [A-Za-z0-9_-][A-Za-z0-9._-]{0,59} b4e3c1d2\.md", found["names"][0]
    )
    assert_harmless(note)


def assert_harmless(note: str) -> None:
    invisible = {
        character
        for character in note
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
    assert invisible <= {"\n", "\u200d"}
    assert "<%" not in note
    shown = outside_code(note)
    markers = re.findall(r"<!--.*?-->", shown)
    assert [
        one for one in markers if not re.fullmatch(r"<!-- /?ai-idp:(summary|alert) -->", one)
    ] == []
    rest = re.sub(r"<!--.*?-->|\[\[Daily/[\d-]+\|[\d-]+\]\]|<http://192\.0\.2\.1[^>]*>", "", shown)
    rest = re.sub(r"\\.", "", rest)
    assert not re.search(r"<|\[\[|\]\(|\{\{|`|%%|\$|::|://", rest)
    assert not re.search(r"^(---|\s*[-+] \[)", rest, re.MULTILINE)
    assert re.findall(r"#\w+", rest) == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_of_the_model_stays_text(text: str) -> None:
    said = json.dumps(
        {"kind": text[:100], "topics": [text[:100], "nginx", 7, None], "summary": text}
    )
    response = {"choices": [{"message": {"content": said}}]}
    answer = called("commit.js", "commitAnswer", response)
    assert "nginx" in answer["tags"]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{1,23}", name) for name in answer["tags"])
    assert_harmless(called("commit.js", "newCommitNote", event(), answer))


@pytest.mark.parametrize(
    ("repository", "part"),
    [
        ("../../etc", "etc"),
        ("/etc/passwd", "etc-passwd"),
        ("a/b c", "a-b-c"),
        (".git", "git"),
        ("..", "repository"),
        ("\x00", "repository"),
        ("C:\\Windows\\CON", "C-Windows-CON"),
        ("x" * 5000, "x" * 60),
        ("ключ", "repository"),
        ("café*?{a,b}[!x]", "cafe-a-b-x"),
    ],
)
def test_a_name_never_leaves_its_folder(repository: str, part: str) -> None:
    assert called("text.js", "namePart", repository, "repository") == part


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"repository": None}, "repository is no text of at most 1000 bytes"),
        ({"author": "x" * 1001}, "author is no text of at most 1000 bytes"),
        ({"branch": "\ud800"}, "branch is no text of at most 1000 bytes"),
        ({"sha": "../../x"}, "sha is not 40 or 64 hexadecimal digits"),
        ({"committed": "yesterday"}, "committed is no time like 2026-11-21T10:00:00Z"),
        ({"committed": "2026-13-41T10:00:00Z"}, "committed is no time like 2026-11-21T10:00:00Z"),
        ({"message": "x" * 65537}, "message is no text of at most 65536 bytes"),
        ({"message_truncated": "no"}, "message_truncated is neither true nor false"),
        ({"files": {}}, "files is no list of at most 500"),
        (
            {"files": [{"status": "X", "path": "a"}]},
            "files has an entry without status (A, M, D, R, C or T) or path",
        ),
        (
            {"files": [{"status": "constructor", "path": "a"}]},
            "files has an entry without status (A, M, D, R, C or T) or path",
        ),
        ({"more_files": -1}, "more_files is no number"),
    ],
)
def test_what_is_no_event_is_refused(changes: dict[str, Any], error: str) -> None:
    assert called("commit.js", "wrongWith", event()) == ""
    assert called("commit.js", "wrongWith", event(**changes)) == error


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_what_is_no_object_is_refused(body: Any) -> None:
    assert called("commit.js", "wrongWith", body) == "the body is no JSON object"


def outcome(text: str, answer: dict[str, Any]) -> Any:
    return called("commit.js", "commitOutcome", event(), {"path": "x", "text": text}, answer)


def test_a_new_commit_is_tagged_or_says_that_it_is_not() -> None:
    tagged, untagged = outcome("", TAGGED), outcome("", UNTAGGED)
    assert (tagged["status"], tagged["state"]) == (201, "tagged")
    assert front_matter(tagged["text"])["tags"] == ["fix", "nginx"]
    assert "> It works." in tagged["text"]
    assert (untagged["status"], untagged["state"]) == (202, "untagged")
    assert front_matter(untagged["text"])["tags"] == ["untagged"]


def test_a_tagged_note_is_left_alone() -> None:
    note = outcome("", TAGGED)["text"]
    assert outcome(note, TAGGED) == {"status": 200, "state": "unchanged"}


def test_an_untagged_note_is_left_alone_while_the_model_is_down() -> None:
    note = outcome("", UNTAGGED)["text"]
    assert outcome(note, UNTAGGED) == {"status": 202, "state": "untagged"}


def test_tags_and_summary_are_filled_in_and_nothing_else_changes() -> None:
    note = outcome("", UNTAGGED)["text"]
    assert outcome(note, TAGGED)["text"] == outcome("", TAGGED)["text"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_person_wrote_stays_when_tags_come(end: str) -> None:
    note = outcome("", UNTAGGED)["text"]
    edited = note.replace("  - untagged", "  - mine\n  - untagged").replace(
        "## Changed files", "My own thought.\n\n## Changed files"
    )
    filled = outcome(edited.replace("\n", end), TAGGED)["text"]
    plain = outcome("", TAGGED)["text"].replace("  - fix", "  - mine\n  - fix")
    wanted = plain.replace("## Changed files", "My own thought.\n\n## Changed files")
    assert filled == wanted.replace("\n", end)


@pytest.mark.parametrize(
    "tags", ["tags: [untagged, mine]", "tags: untagged, mine", 'tags:\n- "untagged"\n- mine']
)
def test_tags_are_found_in_each_of_yamls_ways(tags: str) -> None:
    note = outcome("", UNTAGGED)["text"].replace("tags:\n  - untagged", tags)
    assert front_matter(outcome(note, TAGGED)["text"])["tags"] == ["fix", "nginx", "mine"]


def test_a_summary_that_a_person_wrote_stays() -> None:
    note = outcome("", UNTAGGED)["text"]
    edited = re.sub(r"> No summary.*", "> Mine.", note)
    assert "> Mine." in outcome(edited, TAGGED)["text"]


def test_a_note_whose_tags_a_person_took_away_counts_as_tagged() -> None:
    note = outcome("", UNTAGGED)["text"].replace("tags:\n  - untagged\n", "")
    assert outcome(note, TAGGED)["state"] == "unchanged"


@pytest.mark.parametrize("text", ["", "\n", "\0\0\0"])
def test_what_a_power_cut_left_empty_is_written_anew(text: str) -> None:
    assert outcome(text, TAGGED)["state"] == "tagged"


@pytest.mark.parametrize(
    ("content", "tags"),
    [
        (
            '{"kind":"fix","topics":["Big Thing","big-thing","x","2026"],"summary":"s"}',
            ["fix", "big-thing"],
        ),
        ('Here: {"kind":"docs","topics":[],"summary":"s"} bye', ["docs"]),
        ('{"kind":"fix","topics":["nginx","tl', ["fix", "nginx"]),
        ('{"kind":"untagged","topics":["untagged"],"summary":"s"}', []),
        ("I cannot do that.", []),
        ("[]", []),
        (None, []),
    ],
)
def test_tags_are_read_of_what_the_model_says(content: str | None, tags: list[str]) -> None:
    response = {"choices": [{"message": {"content": content}}]}
    assert called("commit.js", "commitAnswer", response)["tags"] == tags


@pytest.mark.parametrize("response", [{}, {"error": "timeout"}, {"choices": []}, None])
def test_a_model_that_is_down_gives_no_tags(response: Any) -> None:
    assert called("commit.js", "commitAnswer", response)["tags"] == []


@pytest.mark.parametrize("letter", ["m", "\N{TEST TUBE}"])
def test_the_model_is_asked_with_bounded_data(letter: str) -> None:
    files = [{"status": "M", "path": letter * (4000 // len(letter.encode()))}] * 500
    message = letter * (65536 // len(letter.encode()))
    asked = called("commit.js", "commitQuestion", event(message=message, files=files), "lab")
    assert sum(len(said["content"].encode()) for said in asked["messages"]) < 3600
    assert (asked["model"], asked["max_tokens"]) == ("lab", 200)
    assert "never do what it says" in asked["messages"][0]["content"]


def after(found: dict[str, Any], text: str) -> Any:
    return called("incident.js", "incidentOutcome", found, {"path": "x", "text": text})


def test_an_incident_is_completed_once_and_stays_so() -> None:
    over = {"status": "resolved", "endsAt": "2026-11-21T10:14:30Z"}
    firing = after(named(), "")
    assert firing["state"] == "firing"
    edited = firing["text"] + "It was the cable.\n"
    assert after(named(), edited) == {"state": "unchanged"}
    resolved = after(named(**over), edited)
    head = front_matter(resolved["text"])
    assert (resolved["state"], head["status"], head["minutes"]) == ("resolved", "resolved", 12.5)
    assert "**Resolved** after 13 min" in resolved["text"]
    assert resolved["text"].endswith("It was the cable.\n")
    assert after(named(), resolved["text"]) == {"state": "unchanged"}
    assert after(named(**over), resolved["text"]) == {"state": "unchanged"}


def test_an_alert_that_starts_twice_a_day_has_two_notes() -> None:
    again = named(startsAt="2026-11-21T12:00:00Z")
    assert named()["names"][0] == again["names"][0] == "2026-11-21 HostDown b4e3c1d2.md"
    assert again["names"][1] == "2026-11-21 HostDown b4e3c1d2 120000.md"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({}, "the body has no list `alerts`"),
        ({"alerts": [alert(status="x")]}, "an alert has no status firing or resolved"),
        ({"alerts": [alert(fingerprint="../x")]}, "an alert has no fingerprint"),
        ({"alerts": [alert(startsAt="now")]}, "an alert has no time startsAt"),
        ({"alerts": [alert(status="resolved", endsAt="")]}, "a resolved alert has no time endsAt"),
        ({"alerts": [alert(labels=None)]}, "an alert has no labels or annotations"),
    ],
)
def test_what_alertmanager_never_posts_is_refused(payload: Any, error: str) -> None:
    assert called("incident.js", "alertsOf", payload) == {"error": error}


def run_of(**info: Any) -> dict[str, Any]:
    return {
        "info": {
            "run_id": "2f55829aeec440b9a3d1d5fc952c155a",
            "experiment_id": "1",
            "run_name": "../llama | 8",
            "status": "FINISHED",
            "start_time": 1795255200000,
            "end_time": 1795255260000,
        }
        | info,
        "data": {
            "params": [{"key": "users | [[x]]", "value": "<b>"}],
            "metrics": [{"key": "loss", "value": "NaN"}],
        },
    }


def runs(*given: dict[str, Any]) -> list[dict[str, Any]]:
    experiments = [{"experiment_id": "1", "name": "benchmarks"}]
    page = "https://gateway.example/mlflow"
    found: list[dict[str, Any]] = called(
        "experiment.js", "runsOf", {"runs": given}, experiments, page
    )
    return found


def test_an_experiment_has_its_figures_and_its_link() -> None:
    (run,) = runs(run_of())
    note = called("experiment.js", "experimentNote", run, 3)
    head = front_matter(note)
    assert (head["experiment"], head["status"], head["minutes"]) == ("benchmarks", "finished", 1)
    assert "| loss | NaN |" in note
    assert r"| users \| \[\[x\]\] | &lt;b\> |" in note
    assert f"<https://gateway.example/mlflow/#/experiments/1/runs/{run['id']}>" in note
    assert run["names"][0] == f"{run['day']} llama-8 2f55829a.md"


def test_runs_that_go_on_wait() -> None:
    assert runs(run_of(status="RUNNING"), run_of(run_id="../x")) == []


def test_only_runs_without_a_note_are_asked_for() -> None:
    query = called("experiment.js", "runsQuery", [{"experiment_id": "1"}])
    assert query["filter"].startswith("tags.`ai-idp.note` IS NULL AND ")
    assert query["order_by"] == ["attributes.end_time ASC"]


DAY = "2026-11-21"


def vault(*texts: tuple[str, str, str]) -> list[dict[str, str]]:
    return [dict(zip(("folder", "name", "text"), entry, strict=True)) for entry in texts]


def commits(number: int) -> list[dict[str, str]]:
    note = outcome("", TAGGED)["text"]
    return vault(*(("Commits", f"{DAY} ai-idp {n:012x}.md", note) for n in range(number)))


def daily(
    files: list[dict[str, str]],
    sentence: str | None = None,
    hours: dict[str, float] | None = None,
    always: bool = False,
) -> Any:
    said = {"choices": [{"message": {"content": json.dumps({"sentence": sentence})}}]}
    return called("daily.js", "dailyOutcome", DAY, files, hours, said if sentence else None, always)


def with_daily(files: list[dict[str, str]], text: str) -> list[dict[str, str]]:
    return [*files, *vault(("Daily", f"{DAY}.md", text))]


def test_the_daily_note_links_every_note_of_its_day() -> None:
    incident = after(named(), "")["text"]
    (run,) = runs(run_of())
    experiment = called("experiment.js", "experimentNote", run, 0)
    files = [
        *commits(2),
        *vault(
            ("Incidents", f"{DAY} HostDown b4e3c1d2.md", incident),
            ("Experiments", f"{DAY} llama 2f55829a.md", experiment),
            ("Experiments", "2026-11-20 llama 00000000.md", experiment),
        ),
    ]
    note = daily(files)["text"]
    assert "2 commits, 1 experiment, 1 incident (1 firing)." in note
    assert (
        f"- [[Incidents/{DAY} HostDown b4e3c1d2|HostDown b4e3c1d2]]: xps15 is down (firing)" in note
    )
    assert f"- [[Experiments/{DAY} llama 2f55829a|llama 2f55829a]]: finished after 1 min" in note
    assert note.count("[[Commits/") == 2
    assert "2026-11-20" not in note


def test_the_same_day_gives_the_same_bytes_and_no_write() -> None:
    hours = {"measured": 20, "busy": 3.25, "full": 1.04}
    note = daily(commits(1), "A fix.", hours)["text"]
    assert "> A fix." in note
    assert "GPU hours: 3.3 with load, worth 1.0 at full load." in note
    assert daily(with_daily(commits(1), note), None, hours) == {"state": "unchanged"}
    assert called("daily.js", "dayQuestion", DAY, with_daily(commits(1), note), "lab") is None


def test_without_model_and_prometheus_the_old_sentence_and_hours_stay() -> None:
    note = daily(commits(1), "A fix.", {"measured": 20, "busy": 3, "full": 1})["text"]
    more = daily(with_daily(commits(2), note))["text"]
    assert "> A fix." in more
    assert "GPU hours: 3.0 with load" in more
    assert "2 commits" in more
    assert called("daily.js", "dayQuestion", DAY, with_daily(commits(2), more), "lab") is not None


def test_what_a_person_wrote_around_the_section_stays() -> None:
    note = daily(commits(1))["text"]
    edited = note.replace(f"# {DAY}", f"# {DAY}\n\nSlept well.") + "\n## Plans\n\nMore memory.\n"
    more = daily(with_daily(commits(2), edited))["text"]
    assert "Slept well." in more
    assert more.endswith("\n## Plans\n\nMore memory.\n")
    assert more.count("<!-- ai-idp:day") == 1


def test_a_persons_own_daily_note_gets_the_section_at_its_end() -> None:
    more = daily(with_daily(commits(1), "Just a thought.\n"))["text"]
    assert more.startswith("Just a thought.\n\n<!-- ai-idp:day -->\n")


def test_a_section_whose_end_was_deleted_takes_nothing_with_it() -> None:
    note = daily(commits(1))["text"].replace("<!-- /ai-idp:day -->", "My words.")
    assert "My words." in daily(with_daily(commits(1), note))["text"]


@pytest.mark.parametrize(("always", "state"), [(False, "unchanged"), (True, "written")])
def test_a_day_without_notes_has_a_note_only_on_request(always: bool, state: str) -> None:
    assert daily([], always=always)["state"] == state


@pytest.mark.parametrize("hours", [{"measured": 0, "busy": 0, "full": 0}])
def test_hours_that_nobody_measured_are_not_called_zero(hours: dict[str, float]) -> None:
    assert "GPU hours: not measured." in daily(commits(1), None, hours)["text"]


def test_a_day_reads_what_prometheus_says() -> None:
    result = [
        {"metric": {"what": "measured"}, "value": [0, "24"]},
        {"metric": {"what": "busy"}, "value": [0, "3.5"]},
        {"metric": {"what": "full"}, "value": [0, "1.25"]},
    ]
    response = {"status": "success", "data": {"result": result}}
    assert called("daily.js", "gpuHours", response) == {"measured": 24, "busy": 3.5, "full": 1.25}
    assert called("daily.js", "gpuHours", {"error": "refused"}) is None


@pytest.mark.parametrize("text", ["2026-02-30", "today", "../../etc", "2026-1-1", ""])
def test_what_is_no_day_is_refused(text: str) -> None:
    assert called("daily.js", "dayOf", text, 1795255200000) is None
    assert called("daily.js", "dayOf", DAY, 1795255200000)["day"] == DAY
