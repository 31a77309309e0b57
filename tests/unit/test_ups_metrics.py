"""The UPS as metrics: nut_exporter's names, and nothing where nothing was said."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import yaml

from files.ups import ups_metrics as program

ANSWER = """\
battery.charge: 87
battery.runtime: 1260.0
driver.name: usbhid-ups
input.voltage: 229.8
ups.load: 14
ups.model: Some UPS 1500: the quiet one
ups.status: OB DISCHRG
"""
HOSTS = {"desk": "192.0.2.1", "board": "192.0.2.2"}
RULES = Path(__file__).parents[2] / "files" / "prometheus" / "rules" / "ups.yaml"


def lines(answer: str = ANSWER, connected: tuple[str, ...] = ("192.0.2.1",)) -> list[str]:
    found = program.variables(answer)
    return program.text(found, HOSTS, connected).splitlines()


def test_each_flag_is_a_series_that_is_set_or_not() -> None:
    flags = {
        line.split('"')[1]: line.split()[-1]
        for line in lines()
        if line.startswith("network_ups_tools_ups_status")
    }
    assert {flag for flag, value in flags.items() if value == "1"} == {"OB", "DISCHRG"}
    assert set(flags) == set(program.FLAGS)


def test_numbers_have_their_names_and_types() -> None:
    assert "network_ups_tools_battery_runtime 1260" in lines()
    assert "# TYPE network_ups_tools_input_voltage gauge" in lines()
    assert "network_ups_tools_ups_load 14" in lines()


def test_what_the_device_does_not_tell_has_no_series() -> None:
    assert not [line for line in lines() if "realpower" in line]
    assert not [line for line in lines("ups.load: n/a\nups.status: OL\n") if "load" in line]


def test_each_host_is_connected_or_not() -> None:
    assert [line for line in lines() if line.startswith("ai_idp")] == [
        'ai_idp_ups_client_connected{host="desk"} 1',
        'ai_idp_ups_client_connected{host="board"} 0',
    ]


@pytest.mark.parametrize("answer", ["", "ups.status: WAIT\ndevice.type: ups\n"])
def test_a_ups_that_cannot_be_read_leaves_no_series_at_all(answer: str) -> None:
    assert lines(answer) == []


def test_the_file_is_replaced_whole_and_read_by_the_exporter(tmp_path: Path) -> None:
    file = tmp_path / "ups.prom"
    file.write_text("old")
    program.write(file, "new\n")
    assert file.read_text() == "new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_every_metric_of_the_alerts_is_written() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    named = {
        name
        for rule in rules
        for name in re.findall(r"(?:network_ups_tools|ai_idp)_\w+(?=[{ ])", rule["expr"])
    }
    assert named and named <= {line.split("{")[0].split()[0] for line in lines()}
