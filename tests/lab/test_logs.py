"""Logs: what hosts and containers write is found in one place, and nothing of it gets lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator
from pathlib import Path

import pytest

from deploys.victoria_logs import archive_url
from group_data.victoria_logs import victoria_logs as production
from lab.checkout import LOCK_FILE
from lab.programs.victoria_logs import NEVER_WELL, UPGRADE
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import apply, changed, converge, plan, shell
from tests.lab.logs import ENGINE, UNIT, count, found
from tests.lab.waiting import wait_until

SENDER = "jetson"
ROLE = "deploys.victoria_logs.install"
SETTINGS = "group_data/victoria_logs.py"
LINES = 300
TALKER = (
    "tar -chf - -C / usr/bin/dash lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6"
    " | docker import - talker:1"
)
"""An image of a shell alone, from the files of the host."""


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    converge(ENGINE, SENDER)


@pytest.fixture
def word() -> str:
    """A word that no line has yet."""
    return f"w{secrets.token_hex(8)}"


@pytest.fixture
def stopped() -> Generator[None]:
    shell(ENGINE, f"systemctl stop {UNIT}")
    yield
    shell(ENGINE, f"systemctl start {UNIT}")


@pytest.fixture
def altered(tmp_path: Path) -> Generator[AlteredCheckout]:
    yield AlteredCheckout(tmp_path)
    converge(ENGINE, deploy=ROLE)


def the_one(query: str) -> dict[str, str]:
    wait_until(f"the line {query} arrives", lambda: len(found(query)) > 0, seconds=40)
    (line,) = found(query)
    return line


def test_a_line_of_a_host_is_found_with_host_and_unit(word: str) -> None:
    shell(SENDER, f"systemd-run --quiet --wait --unit talker echo {word} from a service")
    # Process 1 and sudo write down what they start, under units of their own.
    line = the_one(f'{{_HOSTNAME="{SENDER}",_SYSTEMD_UNIT="talker.service"}} {word}')
    assert line["_msg"] == f"{word} from a service"
    assert (line["_HOSTNAME"], line["_SYSTEMD_UNIT"]) == (SENDER, "talker.service")


def test_a_line_of_logger_is_found_with_its_tag_and_priority(word: str) -> None:
    shell(SENDER, f"logger --tag door --priority user.err {word}")
    line = the_one(word)
    wanted = {"_HOSTNAME": SENDER, "SYSLOG_IDENTIFIER": "door", "PRIORITY": "3", "_msg": word}
    assert wanted.items() <= line.items()


@pytest.fixture
def container(word: str) -> Generator[str]:
    shell(SENDER, TALKER)
    labels = "--label com.docker.compose.project=talker --label com.docker.compose.service=one"
    run = f"docker run --detach --name {word} --network none {labels} talker:1"
    shell(SENDER, f"{run} /usr/bin/dash -c 'echo {word} from a container'")
    yield word
    shell(SENDER, f"docker rm --force {word} && docker image rm talker:1")


def test_a_line_of_a_container_is_found_with_project_and_service(container: str) -> None:
    line = the_one(f'"{container} from a container"')
    wanted = {
        "_HOSTNAME": SENDER,
        "_SYSTEMD_UNIT": "docker.service",
        "COM_DOCKER_COMPOSE_PROJECT": "talker",
        "COM_DOCKER_COMPOSE_SERVICE": "one",
        "CONTAINER_NAME": container,
    }
    assert wanted.items() <= line.items()


def test_docker_itself_still_knows_what_a_container_said(container: str) -> None:
    assert shell(SENDER, f"docker logs {container}") == f"{container} from a container\n"


def write_lines(word: str, lines: int) -> None:
    number = f"for i in $(seq {lines}); do echo {word} line $i; done"
    shell(SENDER, f"{{ {number}; }} | systemd-cat --identifier flood")


@pytest.mark.usefixtures("stopped")
def test_what_is_written_while_the_engine_is_off_comes_later_and_once(word: str) -> None:
    write_lines(word, LINES)
    state = "systemctl show --property SubState --value systemd-journal-upload"
    wait_until("sending waits", lambda: shell(SENDER, state).strip() == "auto-restart")
    assert plan(SENDER).exit_code == 0, "a sender that waits for the engine is as it should be"
    write_lines(f"{word} more", LINES)
    shell(ENGINE, f"systemctl start {UNIT}")
    wait_until("all lines arrive", lambda: count(word)[1] == 2 * LINES, seconds=90)
    write_lines(f"{word} last", 1)
    wait_until("the last line arrives", lambda: count(word)[1] == 2 * LINES + 1, seconds=90)
    assert count(word) == (2 * LINES + 1, 2 * LINES + 1)


def release(checkout: AlteredCheckout, version: str, sha256: str) -> None:
    """Settings that name another release."""
    checkout.replace(SETTINGS, production.version, version)
    checkout.replace(
        "lab/group_data/victoria_logs.py",
        "_releases[_archive_url(_victoria_logs.version)]",
        f'"{sha256}"',
    )


def offered(version: str) -> str:
    releases: dict[str, str] = json.loads(LOCK_FILE.read_text())["releases"]
    return releases[archive_url(version)]


def running() -> str:
    """The process of the engine and its program; empty where none runs."""
    pid = f"pid=$(systemctl show --property MainPID --value {UNIT})"
    return shell(ENGINE, f'{pid}; echo "$pid $(readlink /proc/$pid/exe)"')


def folders() -> list[str]:
    return shell(ENGINE, "ls -A /opt/ai-idp/archives/victoria-logs").split()


def test_an_archive_with_other_bytes_is_refused_before_anything_changes(
    altered: AlteredCheckout,
) -> None:
    before = running(), folders()
    release(altered, UPGRADE, "ab" * 32)
    done = altered.apply(ENGINE, deploy=ROLE)
    assert done.returncode != 0
    said = f"{archive_url(UPGRADE)} has the sha256 {offered(UPGRADE)}, not {'ab' * 32}; nothing of"
    assert said in done.stdout
    assert (running(), folders()) == before
    assert plan(ENGINE, deploy=ROLE).exit_code == 0


def test_a_release_that_never_gets_well_leaves_the_one_before(
    altered: AlteredCheckout, word: str
) -> None:
    (before,) = folders()
    release(altered, NEVER_WELL, offered(NEVER_WELL))
    done = altered.apply(ENGINE, deploy=ROLE)
    assert done.returncode != 0
    assert "'probe' failed, the previous state is back and answers" in done.stdout, done.stdout
    assert f"/{before}/victoria-logs-prod" in running()
    shell(SENDER, f"logger {word}")
    the_one(word)
    assert changed(plan(ENGINE, deploy=ROLE))[ENGINE] == {
        ("archive", "remove", f"victoria-logs {NEVER_WELL}")
    }


def test_another_release_takes_over_with_all_lines(altered: AlteredCheckout, word: str) -> None:
    shell(SENDER, f"logger {word}")
    line = the_one(word)
    release(altered, UPGRADE, offered(UPGRADE))
    done = altered.apply(ENGINE, deploy=ROLE)
    assert done.returncode == 0, done.stdout
    (now,) = folders()
    assert now.startswith(f"{UPGRADE}-") and f"/{now}/victoria-logs-prod" in running()
    assert found(word) == [line]
    done = apply(ENGINE, deploy=ROLE)
    assert done.returncode == 0, done.stderr
    assert folders()[0].startswith(f"{production.version}-")
    assert found(word) == [line]
