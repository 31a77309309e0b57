"""Journal upload: where the journals go, what a host keeps, and what is refused."""

from __future__ import annotations

import pytest

from deploys.journal_upload import JournalUpload, configuration, upload_url
from deploys.topology import Machine, Topology
from deploys.victoria_logs import VictoriaLogs

ENGINE = VictoriaLogs(version="1.2.3", sha256="ab" * 32, port=9429)
SENDER = Machine("sender", "192.0.2.1", ("journal_upload",), {}, {})


def engine(name: str, number: int) -> Machine:
    address = f"192.0.2.{number}"
    return Machine(name, address, ("victoria_logs",), {"victoria_logs": ENGINE}, {})


def topology(*engines: Machine) -> Topology:
    return Topology((SENDER, *engines), ("journal_upload", "victoria_logs"))


def texts(settings: JournalUpload) -> dict[str, list[str]]:
    files = configuration(settings, upload_url(topology(engine("logs", 2))))
    return {file.path: file.content.decode().splitlines() for file in files}


def test_the_journals_go_to_the_address_of_the_engine() -> None:
    assert upload_url(topology(engine("logs", 2))) == "http://192.0.2.2:9429/insert/journald"


def test_the_host_keeps_a_limited_journal_on_its_disk() -> None:
    settings = JournalUpload(
        journal_limit_mib=64, disk_reserve_mib=32, rate_limit_lines=10, rate_limit_seconds=5
    )
    lines = texts(settings)["/etc/systemd/journald.conf.d/ai-idp.conf"]
    assert lines[-5:] == [
        "Storage=persistent",
        "SystemMaxUse=64M",
        "SystemKeepFree=32M",
        "RateLimitIntervalSec=5s",
        "RateLimitBurst=10",
    ]


def test_sending_is_tried_for_as_long_as_nobody_answers() -> None:
    files = texts(JournalUpload())
    assert files["/etc/systemd/journal-upload.conf.d/ai-idp.conf"][-2:] == [
        "[Upload]",
        "URL=http://192.0.2.2:9429/insert/journald",
    ]
    unit = files["/etc/systemd/system/systemd-journal-upload.service.d/ai-idp.conf"]
    assert {"StartLimitIntervalSec=0", "Restart=always"} <= set(unit)


REMEDY = "set `victoria_logs` to one host in inventory.py, or take `journal_upload` away"


@pytest.mark.parametrize(
    ("engines", "what"),
    [
        ((), "no host has the role victoria_logs, and the journals go to exactly one"),
        (
            (engine("a", 2), engine("b", 3)),
            "a and b have the role victoria_logs, and the journals go to exactly one",
        ),
    ],
)
def test_without_exactly_one_engine_it_is_refused(engines: tuple[Machine, ...], what: str) -> None:
    (conflict,) = JournalUpload().conflicts(SENDER, topology(*engines))
    assert (conflict.what, conflict.remedy) == (what, REMEDY)


def test_with_one_engine_there_is_no_conflict() -> None:
    assert JournalUpload().conflicts(SENDER, topology(engine("logs", 2))) == ()


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("journal_limit_mib", 15, 16),
        ("disk_reserve_mib", 0, 1),
        ("rate_limit_lines", 0, 1),
        ("rate_limit_seconds", 0, 1),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: int, limit: int) -> None:
    message = rf"{field}\n  Input should be greater than or equal to {limit}"
    with pytest.raises(ValueError, match=message):
        JournalUpload.model_validate({field: value})
