"""Trust of a desk: the internal CA in the stores of browsers, which do not read the system's.

Chromium on Linux reads the NSS database of the person (its docs/linux/cert_management.md), as a
snap one of its own. Firefox takes certificates by policy; as a snap it reads /etc/firefox only,
so a copy of the CA lies there, for whoever keeps a policies.json of their own too. The system's
own store is the role `base`'s.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from deploys.rendering import render
from deploys.workstation_desk import CONFIGURATION, LIBRARY, Desk
from operations.entries import Directory, Entry, File, Link

SOURCE = Path(__file__).parent.parent / "files" / "workstation" / "browser_trust.py"
PROGRAM = f"{LIBRARY}/browser_trust.py"
PERSON = f"{CONFIGURATION}/person"
AUTHORITY = f"{CONFIGURATION}/ca.crt"
"""A copy of its own: another CA is another file of this role, which a plan names."""
POLICIES = "/etc/firefox/policies"
"""Of every Firefox on Linux, Debian's and the snap too (mozilla/policy-templates, pull 791)."""
FIREFOX_AUTHORITY = f"{POLICIES}/ai-idp.crt"


def entries(desk: Desk) -> list[Entry]:
    """The program that knows the browsers' databases, and Firefox' policy."""
    return [
        Directory(CONFIGURATION),
        Directory(LIBRARY),
        File(AUTHORITY, desk.authority),
        File(PERSON, f"{desk.user}\n".encode()),
        File(PROGRAM, SOURCE.read_bytes(), mode="0755"),
        File(FIREFOX_AUTHORITY, desk.authority),
        *([_policies()] if desk.firefox else ()),
    ]


def _policies() -> File:
    policy = {"policies": {"Certificates": {"Install": [FIREFOX_AUTHORITY]}}}
    return File(f"{POLICIES}/policies.json", f"{json.dumps(policy, indent=2)}\n".encode())


def validation(entries: Sequence[Entry]) -> str:
    """Refuses to take the place of files that others have put where ours shall be."""
    paths = [
        entry.path
        for entry in entries
        if isinstance(entry, Link) or entry.path.endswith("policies.json")
    ]
    return render(
        "workstation/steps/unowned.sh.j2", paths=map(shlex.quote, paths), ca=FIREFOX_AUTHORITY
    ).decode()


def activation(desk: Desk) -> str:
    return f'[ -n "$RESTORING" ] || {_call(desk, "install")}\n'


def probe(desk: Desk) -> str:
    return f'[ -n "$RESTORING" ] || {_call(desk, "check")}\n'


def live(desk: Desk) -> str:
    """Says of each database that lacks the CA, or has another one, that it differs."""
    return _call(desk, "state")


def withdrawal() -> str:
    """Takes the CA out of the databases, while the program is still there."""
    return render("workstation/steps/withdraw.sh.j2", person=PERSON, program=PROGRAM).decode()


def _call(desk: Desk, verb: str) -> str:
    return desk.as_person(f"python3 -I -B {PROGRAM} {verb} {AUTHORITY}")
