"""Container health: what Docker says of each container, for Prometheus, written once a minute.

Before that, containers are started that Docker left off at boot for want of the host's address.
"""

from __future__ import annotations

from pyinfra.operations import files

from deploys.node_exporter import TEXTFILES
from deploys.rendering import render
from operations import retirement, service
from operations.entries import Entry, File
from operations.transaction import Steps

UNIT = "ai-idp-container-health"
SCRIPT = "/usr/local/lib/ai-idp/container-health.sh"
STARTER = "/usr/local/lib/ai-idp/start-late-containers.sh"
METRICS = f"{TEXTFILES}/ai_idp_containers.prom"


def write() -> None:
    """Have the timer; a set of its own: a change of it shall not restart the engine."""
    service.deployed(
        name="Write the health of containers",
        service="container_health",
        entries=entries(),
        units=[f"{UNIT}.timer"],
        steps=Steps(
            validate="".join(f'sh -n "$STAGE{path}"\n' for path in (SCRIPT, STARTER)),
            probe=f"[ ! -d {TEXTFILES} ] || grep -q '^ai_idp_containers ' {METRICS}\n",
        ),
    )


def write_no_more() -> None:
    """Take the timer off, and forget what it wrote."""
    retirement.service_removed(
        name="Write no more of containers",
        service="container_health",
        units=[f"{UNIT}.timer", f"{UNIT}.service"],
    )
    files.file(name="Forget what was written", path=METRICS, present=False)


def entries() -> list[Entry]:
    """The scripts, and the timer that runs them once a minute."""
    script = render("docker/container-health.sh.j2", metrics=METRICS)
    units = (f"{UNIT}.service", f"{UNIT}.timer")
    return [
        File(SCRIPT, script, mode="0755"),
        File(STARTER, render("docker/start-late-containers.sh.j2"), mode="0755"),
        *(File(f"/etc/systemd/system/{unit}", render(f"docker/{unit}.j2")) for unit in units),
    ]
