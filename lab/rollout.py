"""The roll-out of the lab: trust, plan, apply, an empty second plan, verification."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from lab import nas
from lab.checkout import ROOT, STATE
from lab.engine import LabError
from lab.first_login import FirstLogin, first_logins
from lab.machines import all_machines
from lab.observer import Observation, observe
from lab.progress import say, step
from lab.services import table

INVENTORY = "lab/inventory.py"
FIRST = STATE / "first-rollout"
"""What the first roll-out of this lab announced, and what was observed before and after it."""

Done = subprocess.CompletedProcess[str]
Given = TypeVar("Given")
Found = TypeVar("Found")


def rollout() -> None:
    """Roll out, show that a second plan is empty, verify, and print what runs where."""
    with step("Trust every host: pin its key, make the deploying account"):
        _each(_trust, first_logins())
    _make_guests()
    is_first = not (FIRST / "after.json").exists()
    if is_first and not (FIRST / "before.json").exists():
        _record_plan()
    with step("Let the NAS know the key of the backups"):
        shown = _python("deploys.backup_identity", "--inventory", INVENTORY)
        nas.authorise(_expect(shown, 0).stdout)
    _apply()
    if is_first:
        with step("Record what the first roll-out changed"):
            _record("after.json", _hosts())
    with step("Plan again: nothing may be left to do"):
        second = _expect(_python("planning", INVENTORY), 0)
    say(_last_line(second))
    with step("Verify: use every service as its users do"):
        verified = _expect(_python("pytest", "-q", "tests/verify", "--inventory", INVENTORY), 0)
    say(_last_line(verified))
    print(table(INVENTORY))


def recorded_plan(name: str = "plan.json") -> dict[str, Any]:
    """The JSON form of the plan that the first roll-out carried out.

    As `guests-plan.json` the one before it, when the guests did not exist yet.
    """
    plan: dict[str, Any] = json.loads((FIRST / name).read_text())
    return plan


def recorded(name: str) -> dict[str, Observation]:
    """The observations that the first roll-out recorded as `name`, by host."""
    rows = json.loads((FIRST / name).read_text())
    return {host: Observation.from_record(row) for host, row in rows.items()}


def _make_guests() -> None:
    """As `make apply` begins: guests are created, started, and trusted through their node."""
    is_first = not (FIRST / "guests-after.json").exists()
    nodes = [machine.name for machine in all_machines() if machine.is_node]
    if is_first and not (FIRST / "guests-before.json").exists():
        FIRST.mkdir(exist_ok=True)
        with step("Plan the lab without its guests"):
            plan = _expect(_python("planning", INVENTORY, "--json"), 2)
        (FIRST / "guests-plan.json").write_text(plan.stdout)
        _record("guests-before.json", nodes)
    with step("Have every guest: created and started by its node, trusted through it"):
        _expect(_python("new_guests", INVENTORY), 0)
    if is_first:
        _record("guests-after.json", nodes)


def _record_plan() -> None:
    """The first roll-out leaves a record, against which the tests hold the plan's word."""
    with step("Plan the empty lab"):
        plan = _expect(_python("planning", INVENTORY, "--json"), 2)
    (FIRST / "plan.json").write_text(plan.stdout)
    say(json.loads(plan.stdout)["summary"])
    # Last: with it the record of an interrupted first roll-out goes on where it was.
    with step("Record what is there before"):
        _record("before.json", _hosts())


def _apply() -> None:
    say("Apply: pyinfra -y lab/inventory.py deploy.py")
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    if subprocess.run([pyinfra, "-y", INVENTORY, "deploy.py"], cwd=ROOT).returncode != 0:
        raise LabError("the roll-out failed; its messages stand above, and a run can be repeated")


def _trust(login: FirstLogin) -> None:
    command = ["trust", login.host, "--inventory", INVENTORY, "--fingerprint", login.fingerprint]
    command += ["--login", login.user]
    if login.password:
        command += ["--password-file", "-"]
    _expect(_python(*command, stdin=login.password), 0)


def _python(module: str, *arguments: str, stdin: str | None = None) -> Done:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin or "", capture_output=True, text=True)


def _expect(done: Done, code: int) -> Done:
    if done.returncode != code:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise LabError(f"{_words(done.args)} ended with {done.returncode}:\n{said}")
    return done


def _words(command: Sequence[str]) -> str:
    return " ".join(["python", *command[1:]])


def _last_line(done: Done) -> str:
    return done.stdout.strip().splitlines()[-1]


def _hosts() -> list[str]:
    return [machine.name for machine in all_machines()]


def _record(name: str, hosts: Sequence[str]) -> None:
    seen = dict(zip(hosts, map(asdict, _each(observe, hosts)), strict=True))
    (FIRST / name).write_text(json.dumps(seen, default=sorted))


def _each(do: Callable[[Given], Found], things: Iterable[Given]) -> list[Found]:
    with ThreadPoolExecutor(max_workers=3) as pool:
        return list(pool.map(do, things))
