"""VictoriaLogs: what its unit says, who reaches it, and which release it is."""

from __future__ import annotations

import re

import pytest

from deploys.declarations import Port, Route, Scrape
from deploys.topology import Machine
from deploys.victoria_logs import VictoriaLogs, archive_url, unit_file
from facts.archive import Archive
from group_data.victoria_logs import victoria_logs as production

SHA256 = "ab" * 32
MACHINE = Machine("one", "192.0.2.1", (), {}, {})


def made(**more: object) -> VictoriaLogs:
    return VictoriaLogs.model_validate({"version": "1.2.3", "sha256": SHA256, **more})


def command(settings: VictoriaLogs) -> list[str]:
    text = unit_file(settings, MACHINE).content.decode()
    found = re.search(r"^ExecStart=((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert found is not None
    return found[1].replace("\\\n", "").split()


def test_it_is_reached_by_those_that_send_and_those_that_read() -> None:
    settings = made(port=9429)
    senders_and_readers = ("journal_upload", "nginx", "prometheus", "grafana")
    assert settings.ports() == (Port(9429, "logs", senders_and_readers),)
    assert settings.scrapes() == (Scrape("victoria_logs", 9429),)


def test_people_need_a_password_at_the_gateway() -> None:
    assert made().route() == Route(
        9428, "Logs", health="/health", page="/logs/", password_secret="nginx/admin-password"
    )


def test_each_setting_is_an_argument() -> None:
    settings = made(
        port=9429, retention_days=7, disk_limit_gib=2, disk_reserve_mib=300, memory_limit_mib=200
    )
    assert command(settings) == [
        f"/opt/ai-idp/archives/victoria-logs/1.2.3-{SHA256[:12]}/victoria-logs-prod",
        "-storageDataPath=/var/lib/victoria-logs",
        "-httpListenAddr=192.0.2.1:9429",
        "-retentionPeriod=7d",
        "-retention.maxDiskSpaceUsageBytes=2GiB",
        "-storage.minFreeDiskSpaceBytes=300MiB",
        "-memory.allowedBytes=80MiB",
        "-journald.streamFields=_HOSTNAME,_SYSTEMD_UNIT",
    ]


def test_the_unit_holds_the_limit_of_memory_too() -> None:
    text = unit_file(made(memory_limit_mib=200), MACHINE).content.decode()
    assert "\nMemoryMax=200M\n" in text


def test_nobody_but_journald_can_write_a_stream_field() -> None:
    (fields,) = (x for x in command(made()) if x.startswith("-journald.streamFields="))
    names = fields.partition("=")[2].split(",")
    assert names and all(name.startswith("_") for name in names)


def test_another_release_is_another_program() -> None:
    programs = {command(made(version=version))[0] for version in ("1.2.3", "1.2.4")}
    programs.add(command(made(sha256="cd" * 32))[0])
    assert len(programs) == 3


def test_the_archive_is_the_project_s() -> None:
    assert made().archive() == Archive("victoria-logs", "1.2.3", archive_url("1.2.3"), SHA256)
    assert archive_url("1.2.3") == (
        "https://github.com/VictoriaMetrics/VictoriaLogs/releases/download/v1.2.3/"
        "victoria-logs-linux-amd64-v1.2.3.tar.gz"
    )
    assert production.archive().url == archive_url(production.version)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("version", "v1.2.3", "String should match pattern"),
        ("sha256", "AB" * 32, "String should match pattern"),
        ("port", 0, "Input should be greater than or equal to 1"),
        ("retention_days", 0, "Input should be greater than or equal to 1"),
        ("disk_limit_gib", 0, "Input should be greater than or equal to 1"),
        ("disk_reserve_mib", 0, "Input should be greater than or equal to 1"),
        ("memory_limit_mib", 127, "Input should be greater than or equal to 128"),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{field}\n  {message}"):
        made(**{field: value})
