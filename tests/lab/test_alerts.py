"""Alerts end to end: from a fault on a host to a message about it, and to that of its end."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from deploys.dcgm_exporter import PROJECT, SERVICE
from tests.lab.alert_receiver import AlertReceiver, Told
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import repair, shell
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

HOST, SERVER = "sclimers-observation", "schlimers-server"
DATA = "/var/lib/prometheus/metrics2"
STOPPED = "prometheus-blackbox-exporter"
CARD = f"docker exec {PROJECT}-{SERVICE}-1 sh -c"
HEARTBEAT_SECONDS = 10
SCRAPE_SECONDS = 5
"""Also how long Prometheus waits for an answer: one that comes later ends an alert that waits."""
SMALL_DISK_MIB = 128
BROKEN = """
      - alert: Broken
        expr: sum(
"""


def url(port: int, path: str) -> str:
    address = shell(HOST, "hostname -I").split()[0]
    return f"http://{address}:{port}{path}"


def query(expression: str, at: float = 0) -> list[dict[str, Any]]:
    """The samples of a query, now or at an earlier time."""
    words = ["curl", "--silent", "--fail", "--get", url(9090, "/api/v1/query")]
    words += ["--data-urlencode", f"query={expression}", *(["-d", f"time={at}"] if at else [])]
    found: list[dict[str, Any]] = json.loads(shell(HOST, shlex.join(words)))["data"]["result"]
    return found


def answers() -> bool:
    return "Ready" in shell(HOST, f"curl --silent {url(9090, '/-/ready')}", check=False)


@dataclass(frozen=True)
class Story:
    """What was told, and what else was seen, while things went wrong and well again."""

    told: list[Told]
    full_at: float
    refused_writes: str
    before: list[dict[str, Any]]
    before_after_restart: list[dict[str, Any]]
    later_after_restart: list[dict[str, Any]]

    def messages(self, name: str) -> list[Told]:
        return [one for one in self.told if one.name == name and one.path == "/alerts"]


@pytest.fixture(scope="module")
def receiver() -> Generator[AlertReceiver]:
    with AlertReceiver(HOST) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def quick(receiver: AlertReceiver, tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """The rules as they are, asked often, and messages that do not wait for each other."""
    overlay = Overlay(tmp_path_factory.mktemp("overlay"))
    overlay.update("prometheus", scrape_interval_seconds=SCRAPE_SECONDS)
    overlay.update(
        "alertmanager",
        webhook={"url": receiver.url("/alerts")},
        heartbeat={"url": receiver.url("/heartbeat")},
        heartbeat_seconds=HEARTBEAT_SECONDS,
        group_wait_seconds=1,
        group_interval_seconds=2,
    )
    done = overlay.apply(HOST)
    assert done.returncode == 0, done.stdout
    # What it has told before, it would not tell again.
    unit = "prometheus-alertmanager"
    memory = "/var/lib/prometheus/alertmanager"
    shell(HOST, f"systemctl stop {unit}; rm -rf {memory}/*; systemctl start {unit}")
    yield
    repair(HOST)


@pytest.fixture(scope="module")
def story(quick: None, receiver: AlertReceiver) -> Story:
    with small_disk():
        known = f'node_time_seconds{{instance="{HOST}"}}'
        moved_at = time.time()
        wait_until("the host is asked", lambda: _newest(known) > moved_at)
        known_at = _newest(known)
        before = query(known, at=known_at)
        with stopped_service(), hot_card():
            leave_free(SMALL_DISK_MIB * 3 // 100)
            wait_for(receiver, "DiskFull", "firing", 120)
            leave_free(0)
            full_at = time.time()
            wait_until("nothing more can be written", lambda: "no space left" in complaints())
            refused = complaints()
            leave_free(SMALL_DISK_MIB // 2)
            wait_for(receiver, "GpuTooHot", "firing", 180)
            wait_for(receiver, "TargetDown", "firing", 240)
        for name in ("DiskFull", "GpuTooHot", "TargetDown"):
            wait_for(receiver, name, "resolved", 120)
        shell(HOST, "systemctl restart prometheus")
        wait_until("Prometheus is back", answers)
        restarted_at = time.time()
        wait_until("new samples arrive", lambda: _newest(known) > restarted_at)
        return Story(
            receiver.told(), full_at, refused, before, query(known, at=known_at), query(known)
        )


def _newest(expression: str) -> float:
    return max((float(one["value"][1]) for one in query(expression)), default=0)


def complaints() -> str:
    return shell(
        HOST, "journalctl --unit prometheus --since -2min --output cat | grep -i 'no space' || :"
    )


def wait_for(receiver: AlertReceiver, name: str, status: str, seconds: float) -> None:
    wait_until(
        f"a message says that {name} is {status}",
        lambda: any(
            one.name == name and one.status == status and concerns(one) for one in receiver.told()
        ),
        seconds,
    )


def concerns(told: Told) -> bool:
    """Whether it is about what these tests do, not about what else may be wrong in the lab."""
    return (
        told.labels.get("mountpoint") == DATA
        or told.labels.get("job") == "blackbox_exporter"
        or (told.labels.get("instance"), told.name) == (SERVER, "GpuTooHot")
    )


def course(told: list[Told]) -> list[str]:
    """What an alert came to be; it is told again when another one of its group changes."""
    return [status for status, _ in groupby(one.status for one in told)]


@contextmanager
def stopped_service() -> Generator[None]:
    shell(HOST, f"systemctl stop {STOPPED}")
    try:
        yield
    finally:
        shell(HOST, f"systemctl start {STOPPED}")


@contextmanager
def hot_card() -> Generator[None]:
    """The stand-in for DCGM says what a real card would."""
    shell(SERVER, f"{CARD} 'echo DCGM_FI_DEV_GPU_TEMP 91 >/tmp/dcgm-values'")
    try:
        yield
    finally:
        shell(SERVER, f"{CARD} 'rm /tmp/dcgm-values'")


@contextmanager
def small_disk() -> Generator[None]:
    """Prometheus' data lie on a file system of their own, and go home afterwards."""
    move = "mount -t tmpfs -o size={size}m,mode=0755 tmpfs {new} && cp -a {data}/. {new}"
    shell(HOST, "systemctl stop prometheus && mkdir /run/small")
    shell(HOST, move.format(size=SMALL_DISK_MIB, new="/run/small", data=DATA))
    shell(HOST, f"chown prometheus: /run/small && mount --move /run/small {DATA}")
    shell(HOST, "systemctl start prometheus")
    try:
        wait_until("Prometheus is back", answers)
        yield
    finally:
        shell(
            HOST,
            f"systemctl stop prometheus; rm -f {DATA}/fill; mkdir -p /run/home"
            f" && cp -a {DATA} /run/home/data && umount {DATA} && rm -rf {DATA}/*"
            f" && cp -a /run/home/data/. {DATA} && rm -rf /run/home /run/small"
            " && systemctl start prometheus",
        )


def leave_free(mib: int) -> None:
    """Fill the small disk up to `mib`; 0 takes the last block too."""
    shell(
        HOST,
        f"rm -f {DATA}/fill; free=$(df --output=avail --block-size=1K {DATA} | tail -n 1);"
        f" [ {mib} = 0 ] && dd if=/dev/zero of={DATA}/fill bs=4k 2>/dev/null"
        f" || fallocate -l $((free - {mib} * 1024))K {DATA}/fill",
        check=mib != 0,
    )


def test_a_stopped_service_is_told_of_and_its_return_too(story: Story) -> None:
    told = [one for one in story.messages("TargetDown") if concerns(one)]
    assert course(told) == ["firing", "resolved"]
    assert told[0].labels["severity"] == "warning"
    said = f"{HOST}: blackbox_exporter of blackbox_exporter does not answer"
    assert told[0].annotations["summary"] == said
    assert "systemctl status" in told[0].annotations["runbook"]


def test_a_hot_card_is_told_of_and_its_cooling_too(story: Story) -> None:
    told = story.messages("GpuTooHot")
    assert course(told) == ["firing", "resolved"]
    assert told[0].annotations["summary"] == f"{SERVER}: card 0 has 91 °C"
    assert told[0].labels["severity"] == "critical"


def test_a_full_disk_is_told_of_before_it_is_full(story: Story) -> None:
    told = [one for one in story.messages("DiskFull") if concerns(one)]
    assert course(told) == ["firing", "resolved"]
    assert told[0].at < story.full_at
    assert "no space left" in story.refused_writes


def test_a_full_disk_takes_nothing_of_what_was_stored(story: Story) -> None:
    assert story.before != []
    assert story.before_after_restart == story.before
    assert story.later_after_restart != []


def test_the_heartbeat_arrives_for_as_long_as_all_is_well(story: Story) -> None:
    beats = sorted({one.at for one in story.told if one.path == "/heartbeat"})
    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert len(gaps) > 5
    # Prometheus was restarted meanwhile; without that they come one interval after the other.
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(HEARTBEAT_SECONDS, abs=2)
    assert not [one for one in story.messages("Watchdog")], "nobody needs to read of it"


def test_what_hangs_on_a_host_that_is_down_is_not_told_of(quick: None) -> None:
    alerts = [
        {"labels": {"alertname": name, "instance": "gone", "severity": "critical"}}
        for name in ("HostDown", "ContainerUnhealthy")
    ]
    posted = url(9093, "/api/v2/alerts")
    body = shlex.quote(json.dumps(alerts))
    shell(HOST, f"curl --fail -H 'Content-Type: application/json' -d {body} {posted}")
    found = json.loads(shell(HOST, f"curl --fail '{posted}?filter=instance=gone'"))
    states = {one["labels"]["alertname"]: one["status"]["state"] for one in found}
    assert states["ContainerUnhealthy"] == "suppressed"
    assert states["HostDown"] != "suppressed"


def test_a_broken_rule_is_refused_and_the_old_ones_stay_in_force(
    quick: None, tmp_path: Path
) -> None:
    checkout = AlteredCheckout(tmp_path)
    checkout.append(
        "files/prometheus/rules/ssh.yaml", f"groups:\n  - name: ssh\n    rules:{BROKEN}"
    )
    before = served()
    run = checkout.apply(HOST, deploy="deploys.prometheus.install")
    assert run.returncode != 0
    assert "rules/ssh.yaml" in run.stdout and "parse error" in run.stdout
    assert served() == before


def served() -> str:
    """The rules on disk, and the process that has them loaded."""
    return shell(
        HOST,
        "cd /etc/prometheus && find rules prometheus.yml -type f -exec sha256sum {} + | sort"
        " && systemctl show --property MainPID,ActiveState prometheus",
    )
