"""The shutdown program: its order, its times, and that what it stopped comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from files.ups import ups_shutdown as program
from files.ups.ups_shutdown import Container, Plan

RUNNING = "a1\tvllm\nb2\ttriton\nc3\t\nd4\tsomebody\ne5\ttriton\n"
PLAN = Plan(("triton", "embeddings", "vllm"), 90, {}, 0, 0)


class Machine:
    """A host that takes time, answers as it is told, and keeps what it was asked."""

    def __init__(self, **answers: object) -> None:
        self.now = 0.0
        self.answers = answers
        self.asked: list[str] = []
        self.seconds_each = 1.0

    def run(self, command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        self.asked.append(" ".join(command))
        if command[:3] == ["docker", "ps", "--all"]:
            return subprocess.CompletedProcess(command, 0, "a1\nc3\n", "")
        if command[:2] == ["docker", "ps"]:
            return subprocess.CompletedProcess(command, 0, RUNNING, "")
        self.now += self.seconds_each
        answer = self.answers.get(command[-1] if command[0] == "ping" else command[0], 0)
        code = answer() if callable(answer) else answer
        return subprocess.CompletedProcess(command, int(str(code)), "", "it failed")

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def stops(self) -> list[str]:
        return [command for command in self.asked if command.startswith("docker stop")]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    return tmp_path / "ups" / "stopped"


def test_a_plan_is_read_as_the_roll_out_writes_it(tmp_path: Path) -> None:
    values = {"stacks": ["a"], "stacks_seconds": 1, "wait_for": {"x": "192.0.2.1"}}
    (tmp_path / "plan").write_text(json.dumps({**values, "wait_seconds": 2, "guests_seconds": 3}))
    assert Plan.read(tmp_path / "plan") == Plan(("a",), 1, {"x": "192.0.2.1"}, 2, 3)


def test_what_nobody_declared_goes_first_and_then_the_stacks_in_their_order() -> None:
    running = [
        *(Container("a", "vllm"), Container("b", "triton"), Container("c", "")),
        *(Container("d", "somebody"), Container("e", "triton")),
    ]
    assert program.in_order(running, PLAN.stacks) == [
        *(("", ["c"]), ("somebody", ["d"]), ("triton", ["b", "e"]), ("vllm", ["a"])),
    ]


def test_stacks_are_stopped_one_after_the_other(stopped: Path) -> None:
    machine = Machine()
    program.stop_stacks(PLAN, machine.run, machine.clock, stopped)
    assert machine.stops == [
        *("docker stop --time 30 c3", "docker stop --time 30 d4"),
        *("docker stop --time 30 b2 e5", "docker stop --time 30 a1"),
    ]


def test_a_stack_that_hangs_leaves_the_others_less_time_and_the_last_ones_none(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine()
    machine.seconds_each = 35
    program.stop_stacks(PLAN, machine.run, machine.clock, stopped)
    assert machine.stops == [
        *("docker stop --time 30 c3", "docker stop --time 30 d4", "docker stop --time 20 b2 e5"),
    ]
    assert "no time is left to stop vllm" in capsys.readouterr().err


def test_everything_is_remembered_before_the_first_stop(stopped: Path) -> None:
    machine = Machine()
    seen: list[str] = []

    def run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        if command[1] == "stop" and not seen:
            seen.extend(stopped.read_text().split())
        return machine.run(command, seconds)

    program.stop_stacks(PLAN, run, machine.clock, stopped)
    assert seen == ["c3", "d4", "b2", "e5", "a1"]


def test_a_second_run_forgets_nothing_of_the_first(stopped: Path) -> None:
    program.remember(["old", "c3"], stopped)
    program.stop_stacks(PLAN, Machine().run, Machine().clock, stopped)
    assert stopped.read_text().split() == ["old", "c3", "d4", "b2", "e5", "a1"]


def test_a_host_without_an_engine_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, stopped: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    machine = Machine()
    program.stop_stacks(PLAN, machine.run, machine.clock, stopped)
    assert machine.asked == []
    assert not stopped.exists()


def test_the_wait_ends_when_every_other_host_missed_three_pings_in_a_row() -> None:
    answers = iter([0, 1, 1, 0, 1, 1, 1])
    machine = Machine(**{"192.0.2.1": lambda: next(answers), "192.0.2.2": 1})
    plan = Plan((), 0, {"one": "192.0.2.1", "two": "192.0.2.2"}, 100, 0)
    program.wait_for_others(plan, machine.run, machine.clock, machine.sleep, machine.now)
    pinged = [command.split()[-1] for command in machine.asked]
    assert (pinged.count("192.0.2.1"), pinged.count("192.0.2.2")) == (7, 3)


def test_a_host_that_stays_on_is_not_waited_for_longer_than_declared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = Machine(**{"192.0.2.1": 0})
    plan = Plan((), 0, {"one": "192.0.2.1"}, 60, 0)
    program.wait_for_others(plan, machine.run, machine.clock, machine.sleep, machine.now)
    assert 60 <= machine.now < 65
    assert "one did not go off within 60 s" in capsys.readouterr().err


def test_what_its_own_stacks_took_is_not_waited_for_again() -> None:
    machine = Machine(**{"192.0.2.1": 0})
    machine.now = 90
    plan = Plan((), 90, {"one": "192.0.2.1"}, 150, 0)
    program.wait_for_others(plan, machine.run, machine.clock, machine.sleep, 0)
    assert 150 <= machine.now < 155


def test_the_guests_are_the_node_s_to_stop() -> None:
    machine = Machine()
    program.stop_guests(Plan((), 0, {}, 0, 90), machine.run)
    assert machine.asked == ["pvesh --nooutput create /nodes/localhost/stopall --timeout 45"]


def test_a_host_without_guests_asks_no_node() -> None:
    machine = Machine()
    program.stop_guests(PLAN, machine.run)
    assert machine.asked == []


def test_the_order_is_told_without_doing_anything() -> None:
    plan = Plan(("vllm",), 90, {"one": "192.0.2.1"}, 100, 90)
    assert program.described(plan, [Container("a", "vllm"), Container("b", "")]) == [
        *("stop other containers", "stop vllm", "wait for one (192.0.2.1)"),
        *("stop the guests", "power off"),
    ]


def test_what_was_stopped_is_started_in_the_reverse_order(stopped: Path) -> None:
    program.remember(["c3", "a1"], stopped)
    machine = Machine()
    assert program.resume(machine.run, stopped) == 0
    assert [c for c in machine.asked if "start" in c] == ["docker start a1", "docker start c3"]
    assert not stopped.exists()


def test_what_does_not_start_is_kept_for_the_next_try(stopped: Path) -> None:
    program.remember(["c3", "a1"], stopped)

    def run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        fails = command == ["docker", "start", "a1"]
        return subprocess.CompletedProcess(command, int(fails), "a1\nc3\n", "")

    assert program.resume(run, stopped) == 1
    assert stopped.read_text().split() == ["a1"]


def test_a_container_that_was_removed_meanwhile_is_let_go(stopped: Path) -> None:
    program.remember(["gone"], stopped)
    assert program.resume(Machine().run, stopped) == 0
    assert not stopped.exists()


def test_an_engine_that_does_not_answer_makes_no_container_gone(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.remember(["c3", "a1"], stopped)

    def run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no daemon\n")

    assert program.resume(run, stopped) == 1
    assert stopped.read_text().split() == ["c3", "a1"]
    assert "the engine does not answer: no daemon" in capsys.readouterr().err


def test_a_program_that_is_not_there_or_hangs_is_a_failure_and_no_exception() -> None:
    assert program.run_command(["/nowhere/at/all"], 1).returncode == 1
    assert program.run_command(["sleep", "5"], 1).returncode == 1
