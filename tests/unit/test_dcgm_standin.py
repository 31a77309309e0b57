"""The stand-in for the DCGM exporter: it exports what is asked for, and refuses as the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploys.dcgm_exporter import COUNTERS
from lab.standins.dcgm_exporter import Counter, CountersError, counters, exposition, overrides

RECORDS = Path(__file__).parents[2] / "lab" / "standins" / "dcgm"
KNOWN = frozenset((RECORDS / "fields.txt").read_text().split())
RECORDED = (RECORDS / "geforce.prom").read_text()
TEMPERATURE = Counter("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C).")
VERSION = Counter("DCGM_FI_DRIVER_VERSION", "label", "Driver Version")

REFUSED = [
    (
        "DCGM_FI_DEV_FOO, gauge, no such field\n",
        "could not find DCGM field; err: unknown ExporterCounter field 'DCGM_FI_DEV_FOO'",
    ),
    (
        "DCGM_FI_DEV_GPU_TEMP, number, hot\n",
        "could not find Prometheus metric type 'number'",
    ),
    (
        "# comment\nDCGM_FI_DEV_GPU_TEMP, gauge\n",
        "malformed CSV record; err: failed to parse line 0 (`[DCGM_FI_DEV_GPU_TEMP gauge]`), "
        "expected 3 fields",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_wrong_counters_file_ends_it_with_the_exporter_s_words(text: str, message: str) -> None:
    with pytest.raises(CountersError) as refused:
        counters(text, KNOWN)
    assert str(refused.value) == message


def test_the_default_counters_are_taken_but_for_the_profiling_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {
        counter.field for counter in counters((RECORDS / "default-counters.csv").read_text(), KNOWN)
    }
    assert "DCGM_FI_DEV_GPU_TEMP" in found
    assert not [field for field in found if "_PROF_" in field]
    assert "('DCGM_FI_PROF_GR_ENGINE_ACTIVE'): metric not enabled" in capsys.readouterr().err


def test_every_counter_of_the_role_was_recorded() -> None:
    found = counters(COUNTERS.read_text(), KNOWN)
    exported = exposition(found, RECORDED, {}, "")
    assert [c.field for c in found if f"\n{c.field}{{" not in exported] == [VERSION.field]


def test_it_exports_the_fields_of_the_file_alone() -> None:
    assert exposition([TEMPERATURE], RECORDED, {}, "") == (
        "# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).\n"
        "# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"
        'DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-02e7ad33",pci_bus_id="00000000:08:00.0",'
        'device="nvidia0",modelName="NVIDIA GeForce RTX 4070"} 48\n'
    )


def test_labels_are_those_of_the_file_and_of_this_host() -> None:
    (line,) = exposition([TEMPERATURE, VERSION], RECORDED, {}, "box").splitlines()[2:]
    assert line.endswith(',Hostname="box",DCGM_FI_DRIVER_VERSION="580.159.03"} 48')


def test_a_value_of_the_control_file_comes_before_the_recorded_one(tmp_path: Path) -> None:
    file = tmp_path / "values"
    assert overrides(file) == {}
    file.write_text("DCGM_FI_DEV_GPU_TEMP 91\n\n")
    assert exposition([TEMPERATURE], RECORDED, overrides(file), "").endswith("} 91\n")


def test_without_a_card_nothing_is_exported() -> None:
    assert exposition([TEMPERATURE], "", {}, "") == ""
