"""The roll-out of the lab: trust, plan, apply, an empty second plan, verification."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

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


def rollout() -> None:
    """Roll out, show that a second plan is empty, verify, and print what runs where."""
    with (
        step("Trust every host: pin its key, make the deploying account"),
        ThreadPoolExecutor(max_workers=3) as pool,
    ):
        list(pool.map(_trust, first_logins()))
    if (FIRST / "after.json").exists():
        _apply()
    else:
        _first_apply()
    with step("Plan again: nothing may be left to do"):
        _expect(_python("planning", INVENTORY), 0)
    with step("Verify: use every service as its users do"):
        _expect(_python("pytest", "-q", "tests/verify", "--inventory", INVENTORY), 0)
    print(table(INVENTORY))


def _first_apply() -> None:
    """The first roll-out leaves a record, against which the tests hold the plan's word."""
    FIRST.mkdir(exist_ok=True)
    hosts = [machine.name for machine in all_machines()]
    with step("Plan the empty lab"):
        plan = _python("planning", INVENTORY, "--json")
        _expect(plan, 2)
        (FIRST / "plan.json").write_text(plan.stdout)
        _record("before.json", hosts)
    _apply()
    with step("Record what the first roll-out changed"):
        _record("after.json", hosts)


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


def _python(module: str, *arguments: str, stdin: str | None = None) -> _Done:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin or "", capture_output=True, text=True)


def _expect(done: _Done, code: int) -> None:
    if done.returncode != code:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise LabError(f"{_words(done.args)} ended with {done.returncode}:\n{said}")


def _words(command: Sequence[str]) -> str:
    return " ".join(["python", *command[1:]])


def _record(name: str, hosts: Iterable[str]) -> None:
    seen = {host: asdict(observe(host)) for host in hosts}
    (FIRST / name).write_text(json.dumps(seen, default=sorted))


def recorded(name: str) -> dict[str, Observation]:
    """The observations that the first roll-out recorded as `name`, by host."""
    rows = json.loads((FIRST / name).read_text())
    return {host: Observation.from_record(row) for host, row in rows.items()}


_Done = subprocess.CompletedProcess[str]
