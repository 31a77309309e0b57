"""From a push to a note: real git over SSH, the real queue, n8n and the model that tags."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploys.commit_events_queue import STATE
from deploys.commit_events_units import DELIVER
from lab.workstation import HOST
from tests.lab import person
from tests.lab.conftest import shell
from tests.lab.person import SERVER, Clone
from tests.lab.waiting import wait_until

MODEL_HOST, MODEL_STACK = "schlimers-server", "llama_cpp"
REPOSITORY = "experiments"
NOTES = "/srv/vault/Commits"
SOON_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def settled() -> None:
    person.settle_in()
    n8n_answers()


@pytest.fixture
def clone() -> Iterator[Clone]:
    found = Clone.of(REPOSITORY)
    yield found
    found.remove()


def n8n_answers() -> None:
    active = "systemctl is-active --quiet n8n && echo yes"
    wait_until("n8n is up", lambda: shell(SERVER, active, check=False) != "", 90)
    queue_is_empty()


def queued() -> int:
    return len(shell(SERVER, f"ls {STATE}/queue {STATE}/incoming | grep json", False).split())


def queue_is_empty() -> None:
    wait_until("every commit is told", lambda: queued() == 0, SOON_SECONDS)


def notes_of(*shas: str) -> dict[str, str]:
    """The text of each note about one of these commits, by its name."""
    names = "".join(f" -o -name '*{sha[:12]}*.md'" for sha in shas)
    # The folder changes while it is searched.
    found = shell(SERVER, f"find /srv/vault -name nothing{names}", check=False).splitlines()
    return {path: shell(SERVER, f"cat '{path}'") for path in found}


def tagged(text: str) -> bool:
    """Not so while n8n writes it: a note is empty for a moment."""
    return text.count("---") >= 2 and "untagged" not in text.split("---")[1]


def all_tagged(*shas: str) -> bool:
    found = notes_of(*shas)
    return len(found) == len(shas) and all(map(tagged, found.values()))


@contextmanager
def stopped(host: str, stop: str, start: str) -> Iterator[None]:
    shell(host, stop)
    try:
        yield
    finally:
        shell(host, start)


def test_three_commits_become_three_notes_and_stay_three(clone: Clone) -> None:
    shas = [clone.commit(f"Measure it, number {n}") for n in range(3)]
    begun = time.monotonic()
    clone.push()
    wait_until("three tagged notes are there", lambda: all_tagged(*shas), SOON_SECONDS)
    print(f"three tagged notes after {time.monotonic() - begun:.1f} s")
    notes = notes_of(*shas)
    # The same again: by a second push, and as if the queue had forgotten everything.
    clone.does("git push --quiet origin HEAD:refs/heads/again")
    shell(
        SERVER, f"rm -f {STATE}/done/*; rm -f /srv/git/{REPOSITORY}.git/ai-idp-commit-events.json"
    )
    shell(SERVER, f"runuser -u git -- commit-events collect /srv/git/{REPOSITORY}.git")
    queue_is_empty()
    assert notes_of(*shas) == notes
    clone.does("git push --quiet origin :again")


def test_notes_come_to_people(clone: Clone) -> None:
    sha = clone.commit("Seen by people")
    clone.push()
    vault = Clone.of("vault")
    there = f"git pull --quiet origin main; ls Commits | grep -q {sha[:12]}"
    wait_until("it is pulled", lambda: vault.run(there).returncode == 0, SOON_SECONDS)
    vault.remove()


def test_a_commit_on_the_workstation_is_told_too() -> None:
    path = f"{person.HOME}/own-{time.time_ns()}"
    person.does(f"git init --quiet {path} && watch-repository {path}")
    sha = Clone(path).commit("At home")
    wait_until("its note is there", lambda: all_tagged(sha), SOON_SECONDS)
    owners = person.does(f"find {path} ! -user {person.USER}")
    assert owners == ""
    person.does(
        f"unwatch-repository {path}; test ! -e {path}/.git/hooks/post-commit; rm -rf {path}"
    )


def test_without_the_model_notes_are_untagged_and_filled_in_later(clone: Clone) -> None:
    stack = f"docker compose --project-name {MODEL_STACK}"
    with stopped(MODEL_HOST, f"{stack} stop", f"{stack} start"):
        sha = clone.commit("Nobody reads this yet")
        clone.push()
        wait_until("a note is there", lambda: len(notes_of(sha)) == 1, SOON_SECONDS)
        (text,) = notes_of(sha).values()
        assert not tagged(text)
        assert queued() == 1
    wait_until("its tags are filled in", lambda: all_tagged(sha), 120)
    queue_is_empty()


def test_without_n8n_a_push_succeeds_at_once_and_notes_come_after(clone: Clone) -> None:
    with stopped(SERVER, "systemctl stop n8n", "systemctl start n8n"):
        shas = [clone.commit(f"While it sleeps, {n}") for n in range(3)]
        begun = time.monotonic()
        clone.push()
        assert time.monotonic() - begun < 10
        shell(SERVER, f"systemctl kill --signal KILL {DELIVER}.service", check=False)
        assert notes_of(*shas) == {}
    wait_until("the notes are there", lambda: all_tagged(*shas), 120)


HOSTILE = (
    "---\ntags: [evil]\n---\n# [[../../etc/passwd]] `$(touch /tmp/pwned)`"
    " {{ 99991*99989 }} {% raw %}\n"
    "={{ $env.N8N_ENCRYPTION_KEY }} {{ $json }} \x1b[31m <script>alert(1)</script>\n...\n"
)


def test_hostile_messages_are_notes_and_nothing_more(clone: Clone) -> None:
    before = shell(SERVER, "find / -xdev -name 'pwned*' 2>/dev/null; ls /etc | sort")
    sha = clone.commit(HOSTILE, name="a`touch pwned`$(touch pwned)\n[[x]].md")
    long = clone.does(
        "echo 5 >>work; git add --all;"
        " (echo Long; head -c 5000000 /dev/zero | tr '\\0' x) | git commit --quiet --file=-;"
        " git rev-parse HEAD"
    )
    raw = (
        "tree %s\\nparent %s\\nauthor \\377 <x@x> 1 +0000\\n"
        "committer \\377 <x@x> 1700000000 +0000\\n\\ncaf\\351 \\377\\n"
    )
    odd = clone.does(
        f"printf '{raw}' $(git rev-parse HEAD^{{tree}} HEAD) | git hash-object -t commit -w --stdin"
    )
    clone.does(f"git update-ref HEAD {odd}")
    clone.does("git push --quiet origin HEAD")
    shas = [sha, long, odd]
    wait_until("there is a note of each", lambda: len(notes_of(*shas)) == 3, SOON_SECONDS)
    for path, text in notes_of(*shas).items():
        assert path.startswith(f"{NOTES}/")
        assert len(text) < 200_000
        front = text.split("---\n")[1]
        assert "evil" not in front and "9998000099" not in text
    assert shell(SERVER, "find / -xdev -name 'pwned*' 2>/dev/null; ls /etc | sort") == before


def test_a_repository_with_a_hostile_name_stays_in_the_vault() -> None:
    outside = (
        "find / -xdev -newer /run/before -name '*hostile*' ! -path '/srv/vault/*'"
        " ! -path '/var/lib/*'"
    )
    shell(SERVER, "touch /run/before; sleep 0.1")
    event = {
        "repository": "../../etc/hostile",
        "branch": "main",
        "sha": f"{time.time_ns():x}".ljust(40, "0"),
        "author": "x",
        "email": "x",
        "committed": "2026-11-21T00:00:00Z",
        "message": "hostile",
        "message_truncated": False,
        "files": [{"status": "A", "path": "../../../etc/hostile"}],
        "more_files": 0,
    }
    place = f"{STATE}/incoming/{event['sha']}.json"
    text = json.dumps(event)
    shell(
        SERVER,
        f"cat >{place}.new <<'EOF'\n{text}\nEOF\nchmod 644 {place}.new; mv {place}.new {place}",
    )
    queue_is_empty()
    assert shell(SERVER, outside, check=False) == ""
    assert len(notes_of(str(event["sha"]))) == 1


def test_a_wrong_token_is_refused_and_writes_nothing() -> None:
    # Alerts and the hour are written down meanwhile.
    commits = f"find {NOTES} | sort"
    before = shell(SERVER, commits)
    ask = (
        'url=$(sed -n \'s/.*"url": "\\(.*\\)".*/\\1/p\' /etc/ai-idp/commit-events/settings.json);'
        " for header in 'X: y' 'Authorization: Bearer wrong' 'Authorization: Basic eDp5'; do"
        " curl --noproxy '*' -s -o /dev/null -w '%{http_code} ' -H \"$header\""
        " -H 'Content-Type: application/json' -d '{}' $url; done"
    )
    assert shell(SERVER, ask).split() == ["403", "403", "403"]
    assert shell(SERVER, commits) == before


def test_nobody_but_the_deliverer_reads_the_token_or_the_queue() -> None:
    for path in ("/etc/ai-idp/commit-events/token", f"{STATE}/queue", f"{STATE}/incoming"):
        done = person.run(f"ls {path}/ 2>&1 || cat {path}")
        assert "Permission denied" in done.stdout, f"{HOST}: {path}"
