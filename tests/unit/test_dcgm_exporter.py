"""The DCGM exporter's settings and files: what is refused, and how the container is defined."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from deploys.dcgm_exporter import COUNTERS, DcgmExporter, entries
from deploys.declarations import GpuClaim, MemoryClaim
from deploys.topology import Machine, Topology
from operations.entries import File
from preflight import roles

IMAGE = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
GOOD: dict[str, Any] = {"image": IMAGE}
TOO_OLD = (
    "is no release of DCGM 4; those of DCGM 3 are older than Blackwell cards: "
    "use 4.5.3-4.8.2-distroless or newer"
)

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"image": "nvcr.io/nvidia/k8s/dcgm-exporter:3.3.8-3.6.0-ubuntu22.04"},
        f"`nvcr.io/nvidia/k8s/dcgm-exporter:3.3.8-3.6.0-ubuntu22.04` {TOO_OLD}",
    ),
    (
        {"image": "nvcr.io/nvidia/k8s/dcgm-exporter:4"},
        f"`nvcr.io/nvidia/k8s/dcgm-exporter:4` {TOO_OLD}",
    ),
    (
        {"image": "nvcr.io/nvidia/k8s/dcgm-exporter:latest"},
        "`nvcr.io/nvidia/k8s/dcgm-exporter:latest` may become another program tomorrow; name "
        "registry, repository and the tag of one build: `registry/owner/name:1.2.3@sha256:<64 hex "
        "digits>`",
    ),
    (
        {"further_counters": ("DCGM_FI_PROF_SM_ACTIVE, gauge, SM activity",)},
        "`DCGM_FI_PROF_SM_ACTIVE` is a profiling field: GeForce cards have none, and it would need "
        "the capability SYS_ADMIN; take it out",
    ),
    (
        {"further_counters": ("DCGM_FI_DEV_GPU_TEMP, gauge, again",)},
        "`DCGM_FI_DEV_GPU_TEMP` is exported already; take it out",
    ),
    (
        {"further_counters": ("DCGM_FI_DEV_FAN_SPEED, number, fan (in %)",)},
        "`number` of DCGM_FI_DEV_FAN_SPEED is no kind; use one of gauge, counter, histogram, label",
    ),
    (
        {"further_counters": ("DCGM_FI_DEV_FAN_SPEED",)},
        "`DCGM_FI_DEV_FAN_SPEED` is no counter; write `FIELD, kind, help` without a comma",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DcgmExporter(**{**GOOD, **change})
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"image": f"{IMAGE}@sha256:{'d' * 64}"},
        {"image": "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.2.0-ubuntu22.04"},
        {"further_counters": ("DCGM_FI_DEV_FAN_SPEED, gauge, fan (in %)",)},
        {"cards": (0, 1)},
    ],
)
def test_right_settings_are_taken(change: dict[str, Any]) -> None:
    settings = DcgmExporter(**{**GOOD, **change})
    assert {name: getattr(settings, name) for name in change} == change


def test_no_card_at_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        DcgmExporter(**GOOD, cards=())


def test_the_counters_are_those_of_a_geforce_card() -> None:
    lines = COUNTERS.read_text().splitlines()
    fields = [line.partition(",")[0] for line in lines if not line.startswith("#")]
    assert not [field for field in fields if "_PROF_" in field or "_NVLINK_" in field]
    assert {"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_POWER_USAGE"} <= set(fields)


def test_further_counters_come_after_them() -> None:
    line = "DCGM_FI_DEV_FAN_SPEED, gauge, fan (in %)"
    found = DcgmExporter(**GOOD, further_counters=(line,)).counters().decode()
    assert found == f"{COUNTERS.read_text()}{line}\n"


def test_the_port_is_for_prometheus_alone() -> None:
    (port,) = DcgmExporter(**GOOD).ports()
    assert (port.number, port.reachable_from) == (9400, ("prometheus",))
    assert port.published_by_container
    (scrape,) = DcgmExporter(**GOOD).scrapes()
    assert (scrape.port, scrape.bearer_secret) == (9400, None)


def test_it_takes_memory_of_the_host_and_none_of_the_cards() -> None:
    machine, settings = Machine("one", "192.0.2.1", (), {}, {}), DcgmExporter(**GOOD, cards=(0, 1))
    assert settings.memory(machine) == (MemoryClaim(1024),)
    assert settings.gpu_memory(machine) == (GpuClaim(0, 0, 0, 0, 0), GpuClaim(1, 0, 0, 0, 0))


def server(**change: Any) -> Any:
    made = entries(DcgmExporter(**GOOD, **change), "192.0.2.1")
    (text,) = (e.content for e in made if isinstance(e, File) and e.path.endswith("compose.yaml"))
    return yaml.safe_load(text)["services"]["server"]


def test_the_container_is_hardened() -> None:
    found = server()
    assert found["cap_drop"] == ["ALL"]
    assert "cap_add" not in found
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["read_only"]
    assert found["user"] == "65532:65532"


def test_the_cards_come_through_cdi_and_in_no_other_way() -> None:
    (device,) = server(cards=(0, 2))["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "cdi"
    assert device["device_ids"] == ["nvidia.com/gpu=0", "nvidia.com/gpu=2"]
    assert "runtime" not in server()
    assert server()["environment"]["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_it_reads_its_own_counters_and_names_no_container() -> None:
    (mount,) = server()["volumes"]
    command = server()["command"]
    assert mount["source"] == "/opt/ai-idp/stacks/dcgm_exporter/counters.csv"
    assert mount["read_only"]
    assert command[command.index("--collectors") + 1] == mount["target"]
    assert "--no-hostname" in command


def test_the_interval_is_given_in_milliseconds() -> None:
    command = server(interval_seconds=5)["command"]
    assert command[command.index("--collect-interval") + 1] == "5000"


def test_a_host_without_the_driver_s_role_is_refused() -> None:
    settings = DcgmExporter(**GOOD)
    groups = ("docker", "dcgm_exporter")
    without = Machine("one", "192.0.2.1", groups, {"dcgm_exporter": settings}, {})
    (problem,) = roles.without_companion(Topology((without,), groups))
    assert str(problem) == (
        "one: has the role dcgm_exporter, which requires nvidia on the same host; "
        "add one to `nvidia` in the inventory"
    )
    both = Machine("one", "192.0.2.1", ("nvidia", *groups), {"dcgm_exporter": settings}, {})
    assert roles.without_companion(Topology((both,), both.groups)) == []
