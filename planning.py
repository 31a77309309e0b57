"""The plan: what a run would change, with diffs; exit 0 nothing, 2 changes, 1 error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from absence import is_away
from changes import JOURNAL

ROOT = Path(__file__).parent

NOT_YET = "it does not exist yet; `make apply` creates it first, the rest is planned once it exists"
OFF = "it is off; `make apply` starts it first, the rest is planned once it runs"


@dataclass
class Plan:
    """Changes by host, in the order of the run, and the hosts that could not be planned.

    A notice tells something that no run changes, such as a role that waits for `make retire`.
    """

    hosts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    notices: dict[str, list[str]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if self.failed or self.errors:
            return 1
        return 2 if any(self.hosts.values()) else 0


@click.command()
@click.argument("inventory", default="inventory.py")
@click.option("--limit", multiple=True, help="Only these hosts or groups (repeatable).")
@click.option("--deploy", default="deploy.py", help="A file, or deploys.<role>.install.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, diffs included.")
@click.option("--verbose", "-v", is_flag=True, help="Show what pyinfra says meanwhile.")
def main(inventory: str, limit: tuple[str, ...], deploy: str, as_json: bool, verbose: bool) -> None:
    """Show what a run against INVENTORY would change; nothing is changed."""
    plan = make(inventory, limit, deploy, verbose)
    if as_json:
        ends = {"exit_code": plan.exit_code, "summary": _summary(plan)}
        click.echo(json.dumps({**vars(plan), **ends}, indent=2))
    else:
        show(plan)
    sys.exit(plan.exit_code)


def make(
    inventory: str, limit: tuple[str, ...] = (), deploy: str = "deploy.py", verbose: bool = False
) -> Plan:
    """Run pyinfra dry and collect the changes that the operations announce."""
    with tempfile.TemporaryDirectory(prefix="ai-idp-plan-") as directory:
        journal = Path(directory) / "journal"
        journal.touch(mode=0o600)
        pyinfra = Path(sys.executable).with_name("pyinfra")
        command = [str(pyinfra), inventory, deploy, "--dry", "--json"]
        command += [word for name in limit for word in ("--limit", name)]
        environment = {**os.environ, JOURNAL: str(journal)}
        nothing = subprocess.DEVNULL
        run = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=nothing, text=True, capture_output=True
        )
        records = [json.loads(line) for line in journal.read_text().splitlines()]
    if verbose:
        click.echo(run.stderr, err=True)
    return _collect(run, records)


def show(plan: Plan) -> None:
    """Print a plan for people."""
    for host, changes in plan.hosts.items():
        click.secho(f"\n{host}", bold=True)
        for change in changes:
            _show_change(change)
    for host, notices in plan.notices.items():
        for notice in notices:
            click.secho(f"\n{host}: {notice}", fg="yellow")
    for host in plan.absent:
        click.secho(f"\n{host} is absent (it may be): not planned", fg="yellow")
    for host, reason in plan.failed.items():
        click.secho(f"\n{host} could not be planned: {reason}", fg="red", err=True)
    for error in plan.errors:
        click.secho(f"\n{error}", fg="red", err=True)
    click.echo(f"\n{_summary(plan)}")


def _collect(run: subprocess.CompletedProcess[str], records: list[dict[str, Any]]) -> Plan:
    plan = Plan()
    said = click.unstyle(run.stderr)
    for record in records:
        if "changes" in record:
            _add(plan.hosts.setdefault(record["host"], []), record)
        elif "notice" in record:
            plan.notices.setdefault(record["host"], []).append(record["notice"])
        elif "absent" in record:
            plan.absent.append(record["absent"])
        else:
            plan.failed[record["failed"]] = _reason(record["failed"], said)
    coming = _set_aside_coming_guests(plan)
    if run.returncode != 0 and not plan.failed and not coming:
        plan.errors.append(said.strip() or f"pyinfra ended with {run.returncode}")
    _add_unannounced(plan, run.stdout)
    return plan


def _set_aside_coming_guests(plan: Plan) -> list[str]:
    """A guest that the same plan creates or starts could not answer: that is no failure."""
    guests = [row for rows in plan.hosts.values() for row in rows if row["kind"] == "guest"]
    started = {row["what"]: OFF for row in guests if row["action"] == "start"}
    created = {row["what"]: NOT_YET for row in guests if row["action"] == "create"}
    why = {**started, **created}
    coming = [host for host, reason in plan.failed.items() if host in why if is_away(reason)]
    for host in coming:
        del plan.failed[host]
        plan.notices.setdefault(host, []).append(why[host])
    return coming


def _add(rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """What two roles need is done, and counted, once: the second finds it there."""
    known = {(row["kind"], row["action"], row["what"]) for row in rows}
    for change in record["changes"]:
        if (change["kind"], change["action"], change["what"]) not in known:
            rows.append({"role": record["role"], **change})


def _add_unannounced(plan: Plan, output: str) -> None:
    """Operations of pyinfra's own announce nothing; that they would change something is shown."""
    operations = json.loads(output)["plan"] if output.lstrip().startswith("{") else []
    for operation in operations:
        role, _, name = operation["name"].rpartition(" | ")
        changing = operation["hosts_with_change"] + operation["hosts_with_conditional_change"]
        # On a host that could not be read an operation does nothing but say so.
        for host in (host for host in changing if host not in plan.failed):
            rows = plan.hosts.setdefault(host, [])
            if not any(row["role"] == role for row in rows):
                rows.append({"role": role, "kind": "operation", "action": "run", "what": name})


def _reason(host: str, said: str) -> str:
    lines = [line.split("]", 1)[1].strip() for line in said.splitlines() if f"[{host}]" in line]
    telling = [line for line in lines if not line.startswith(("Connected", "Ready:"))]
    return "; ".join(dict.fromkeys(telling)) or "pyinfra reported no reason"


def _show_change(change: dict[str, Any]) -> None:
    colours = {"create": "green", "install": "green", "remove": "red"}
    colour = colours.get(change["action"], "yellow")
    version = change.get("detail", {}).get("version", "")
    headline = f"{change['action']} {change['kind']} {change['what']} {version}".rstrip()
    click.echo(f"  {change['role']:<14} " + click.style(headline, fg=colour))
    for line in change.get("diff", "").splitlines():
        shade = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.secho(f"      {line}", fg=shade)


def _summary(plan: Plan) -> str:
    count = sum(len(rows) for rows in plan.hosts.values())
    changed = sum(1 for rows in plan.hosts.values() if rows)
    where = f"{_counted(count, 'change')} on {_counted(changed, 'host')}"
    if plan.exit_code == 1:
        problems = _counted(len(plan.failed) + len(plan.errors), "problem")
        return f"Plan incomplete: {problems}; {where} so far."
    return f"{where}." if count else "Nothing to do."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


if __name__ == "__main__":
    main()
