"""SSH of a desk: every host of the inventory by its names, with the key that was pinned for it.

The pins are those that the control machine deploys with (`make trust`). A host without one is left
out: whoever logs in there is asked by their own ssh, as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paramiko.hostkeys import HostKeys

from deploys.rendering import render
from deploys.topology import Machine
from deploys.workstation_desk import Desk
from operations.entries import Entry, File

CONFIGURATION = "/etc/ssh/ssh_config.d/30-ai-idp.conf"
KNOWN_HOSTS = "/etc/ssh/ai-idp_known_hosts"
ROOT = Path(__file__).parent.parent


def entries(desk: Desk) -> list[Entry]:
    """One drop-in, and the keys that it names, apart from what the person has accepted."""
    known = list(_pinned(desk))
    lines = [line for machine, keys in known for line in _lines(machine, keys)]
    text = render(
        "workstation/30-ai-idp.conf.j2",
        machines=[(machine, _port(machine)) for machine, _ in known],
        known_hosts=KNOWN_HOSTS,
        user=desk.ssh_user,
    )
    return [
        File(CONFIGURATION, text),
        File(KNOWN_HOSTS, "".join(f"{line}\n" for line in lines).encode()),
    ]


def validation(desk: Desk) -> str:
    """OpenSSH's own reading of the drop-in, and that the distribution's file includes it."""
    return render(
        "workstation/steps/ssh.sh.j2", configuration=CONFIGURATION, name=desk.machine.name
    ).decode()


def advice(desk: Desk) -> list[str]:
    """Which hosts are left out, and what brings them in."""
    known = {machine.name for machine, _ in _pinned(desk)}
    missing = [machine.name for machine in desk.topology.machines if machine.name not in known]
    if not missing:
        return []
    return [
        f"ssh there does not know {', '.join(missing)}: no host key is pinned; run "
        f"`make trust HOST={missing[0]}`, and so for each, then this again"
    ]


def names(machine: Machine) -> tuple[str, ...]:
    """What people call a host."""
    return (machine.name, machine.fqdn, machine.address)


def _pinned(desk: Desk) -> Iterator[tuple[Machine, dict[str, str]]]:
    """The machines whose keys are pinned, with those keys by type."""
    for machine in desk.topology.machines:
        file = ROOT / Path(str(machine.data["ssh_known_hosts_file"])).expanduser()
        pins = HostKeys(str(file)) if file.exists() else HostKeys()
        found = dict(pins.lookup(_known_as(machine, machine.address)) or {})
        if found:
            yield machine, {name: key.get_base64() for name, key in found.items()}


def _port(machine: Machine) -> int:
    return int(machine.data.get("ssh_port") or 22)


def _known_as(machine: Machine, name: str) -> str:
    # sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: another port than 22 is part of the name.
    return name if _port(machine) == 22 else f"[{name}]:{_port(machine)}"


def _lines(machine: Machine, keys: dict[str, str]) -> list[str]:
    patterns = ",".join(_known_as(machine, name) for name in names(machine))
    return [f"{patterns} {name} {key}" for name, key in sorted(keys.items())]
