"""Vault of a desk: a clone of the notes in the person's home, made by the person's own systemd.

The roll-out brings the program and a timer. Cloning needs the person's key and the host of the
repositories, either of which may come later than a run: the timer tries until the clone is there,
then never again. What lies in the folder is not touched.
"""

from __future__ import annotations

import json
from pathlib import Path

from deploys.git import Git
from deploys.rendering import render
from deploys.topology import Machine
from deploys.workstation_desk import CONFIGURATION, Desk
from operations.entries import Directory, Entry, File, Link

SOURCE = Path(__file__).parent.parent / "files" / "workstation" / "clone_vault.py"
COMMAND = "/usr/local/bin/clone-vault"
TOLD = f"{CONFIGURATION}/vault.json"
UNIT = "ai-idp-clone-vault"
UNITS = "/etc/systemd/user"
WANTS = f"{UNITS}/timers.target.wants"


def entries(desk: Desk) -> list[Entry]:
    """The program, what it is told, and the timer; nothing where there is no vault to clone."""
    server = _server(desk)
    if server is None:
        return []
    told = {"repository": repository(server), "folder": desk.vault_folder, "user": desk.user}
    return [
        File(TOLD, f"{json.dumps(told, indent=2)}\n".encode()),
        File(COMMAND, SOURCE.read_bytes(), mode="0755"),
        *(
            File(f"{UNITS}/{name}", render(f"workstation/{name}.j2", command=COMMAND, **told))
            for name in (f"{UNIT}.service", f"{UNIT}.timer")
        ),
        Directory(WANTS),
        Link(f"{WANTS}/{UNIT}.timer", f"{UNITS}/{UNIT}.timer"),
    ]


def repository(server: Machine) -> str:
    """The address of the vault, for git over SSH."""
    return f"git@{server.name}:vault.git"


def advice(desk: Desk) -> list[str]:
    """What the person has to do before the clone can be made."""
    server = _server(desk)
    if server is None or desk.person.vault == repository(server):
        return []
    place = f"{desk.person.home}/{desk.vault_folder}"
    if desk.person.vault or desk.person.vault_is_other:
        return [
            f"{place} is there and no clone of {repository(server)}; it is left as it is: move it "
            "away, or set another `vault_folder` in group_data/workstation.py"
        ]
    if not desk.person.keys:
        return [
            f"{desk.user} has no SSH key, so {place} cannot be cloned; as {desk.user}: "
            "`ssh-keygen -t ed25519`, then its line of ~/.ssh/id_ed25519.pub into `keys` of "
            f"group_data/git.py, and `make apply LIMIT={server.name}`"
        ]
    if not _is_known(desk.person.keys, server):
        return [
            f"{server.name} knows no key of {desk.user}, so {place} cannot be cloned; add to "
            f"`keys` of group_data/git.py: {desk.person.keys[0]}"
        ]
    return []


def _server(desk: Desk) -> Machine | None:
    having = desk.topology.having("vault") if desk.vault_folder else ()
    return having[0] if having else None


def _is_known(keys: tuple[str, ...], server: Machine) -> bool:
    git = server.settings.get(Git.role)
    known = git.keys if isinstance(git, Git) else ()
    return any(" ".join(line.split()[:2]) in keys for line in known)
