"""The link's measurement: what is sent, kept, shown, and said where a host is missing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import link, link_page, link_picture, link_split, remote, tracking
from benchmarks.link_claims import FEWEST_ANSWERS, MOST_ERRORS
from benchmarks.link_result import LinkResult, Sample, Way, samples
from benchmarks.remote import RemoteError
from deploys.topology import Machine, Topology
from inventory_json import ROOT, InventoryError, InventoryHost

LAN = Way("LAN", "192.168.1.40", "192.168.1.10", "eno1", "", "igc", "1000", "1500", True, 12)
USB = Way("USB", "192.168.55.1", "192.168.1.10", "eno1", "192.168.1.1", "", "", "", False, 0)
KINDS = ("kept", "payload", "new", "connect")


def result(is_lab: bool = False, failures: int = 0) -> LinkResult:
    """A thousand rounds that took 0.3 ms and more, warm-up that took seconds, and failures."""
    found = [Sample("LAN", -1, kind, 3e6, "") for kind in KINDS]
    for number in range(1000):
        found += [Sample("LAN", number, kind, 300.0 + number / 100, "") for kind in KINDS]
    found += [Sample("LAN", n, "kept", None, "timed out") for n in range(failures)]
    return LinkResult(
        when="2026-11-21T20:00:00+00:00",
        is_lab=is_lab,
        source="schlimers-server",
        target="jetson",
        server="edge",
        rounds=1000,
        warm_up=1,
        hidden_size=3072,
        payload_bytes=12288,
        token_ms=(24.0, 25.0, 90.0),
        versions={"ai-idp": "0123456789ab"},
        ways=(LAN, USB),
        samples=tuple(found),
    )


def test_the_program_has_its_settings_in_its_text_and_is_a_program() -> None:
    text = link.program({"key": "a\"b'c", "rounds": 1000})
    (assigned,) = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "SETTINGS"
    ]
    assert assigned.value
    assert ast.literal_eval(assigned.value) == {"key": "a\"b'c", "rounds": 1000}


def test_the_program_needs_nothing_but_python_3_10() -> None:
    tree = ast.parse(link.MEASURER.read_text(), feature_version=(3, 10))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [n.name for n in node.names]
        )
    }
    assert imported <= {"json", "socket", "subprocess", "time", "http", "pathlib", "typing"}


def test_warm_up_does_not_count_and_failures_do() -> None:
    times = result(failures=5).times("LAN", "kept")
    assert times
    assert (times.answers, times.errors, times.max) == (1000, 5, 0.30999)
    assert result(failures=5).errors("LAN") == {"timed out": 5}
    assert result().times("USB", "kept") is None


def test_nanoseconds_become_microseconds_and_failures_stay() -> None:
    rows = [[0, "kept", 312_345, ""], [0, "new", None, "timed out"]]
    assert list(samples([{"name": "LAN", "samples": rows}])) == [
        Sample("LAN", 0, "kept", 312.3, ""),
        Sample("LAN", 0, "new", None, "timed out"),
    ]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = result(failures=2)
    path = written.save(tmp_path)
    assert path.name == "2026-11-21-link.json"
    assert LinkResult.load(path) == written
    lines = path.with_suffix(".csv").read_text().splitlines()
    assert lines[:2] == ["path,round,kind,microseconds,error", "LAN,-1,kept,3000000.0,"]
    assert lines[-1] == "LAN,1,kept,,timed out"
    assert len(lines) == 1 + len(written.samples)


def test_the_page_is_what_the_newest_result_generates() -> None:
    newest = LinkResult.newest()
    assert link_page.DOCUMENT.read_text(encoding="utf-8") == link_page.page(newest), (
        "docs/link.md is old; run `make link`"
    )
    assert link_page.PICTURE.read_text(encoding="utf-8") == link_picture.draw(newest)


def test_numbers_of_the_lab_are_called_so_and_others_are_not() -> None:
    lab, real = link_page.page(result(is_lab=True)), link_page.page(result())
    assert "**LAB.** Both hosts were containers" in lab
    assert "verdict of the LAB's numbers" in lab
    assert "LAB" in link_picture.draw(result(is_lab=True))
    assert "LAB" not in real
    assert "LAB" not in link_picture.draw(result())


def test_the_page_says_what_was_measured_and_what_of_it_failed() -> None:
    page = link_page.page(result(failures=5))
    assert "| path LAN | 192.168.1.40 from 192.168.1.10 by `eno1` (igc), 1000 Mbit/s" in page
    assert "| path USB | 192.168.55.1: not there, the way leads through 192.168.1.1 |" in page
    assert "| LAN | request on a kept-alive connection | 1000 | 5 | 0.305 |" in page
    assert "- LAN: 5 times `timed out`" in page
    assert "0.4 ms round trip: request on a kept-alive connection | LAN | holds |" in page
    assert "2-5 ms, minimum: request on a kept-alive connection | USB | not measured |" in page
    assert "12288 bytes: a hidden state of 3072 numbers of 4 bytes" in page


def test_a_token_is_held_against_a_round_trip_with_its_payload() -> None:
    page = link_page.page(result())
    assert "took 25.00 ms there, so it would be 25.30 ms: 40 tokens a second become 40" in page


def test_a_split_lies_between_the_two_machines_plus_the_link() -> None:
    for split in link_split.SPLITS:
        there = split.shared_ms(1, 0)
        half = split.shared_ms(0.5, 0.3)
        assert split.shared_ms(0, 0) == split.alone_ms
        assert half == pytest.approx((split.alone_ms + there) / 2 + 0.3)


def test_a_run_of_mlflow_has_the_times() -> None:
    found = tracking.metrics(result(failures=5))
    assert found["LAN kept p50"] == pytest.approx(0.30499)
    assert found["LAN kept errors"] == 5
    assert not [name for name in found if name.startswith("USB")]
    given = tracking.parameters(result(is_lab=True), ROOT / "lab" / "inventory.py")
    assert given["machine"] == "LAB: schlimers-server to jetson"


def test_an_inventory_that_is_not_there_is_told() -> None:
    done = CliRunner().invoke(link.main, ["--inventory", "nowhere.py"])
    assert done.exit_code == 1
    assert done.output == "Error: there is no inventory nowhere.py; name one with --inventory\n"


def test_failures_that_the_rule_allows_leave_enough_answers_by_default() -> None:
    (rounds,) = (option.default for option in link.main.params if option.name == "rounds")
    assert isinstance(rounds, int)
    assert rounds * (1 - MOST_ERRORS) >= FEWEST_ANSWERS


def test_fewer_rounds_than_the_rule_wants_are_refused() -> None:
    done = CliRunner().invoke(link.main, ["--rounds", "999"])
    assert done.exit_code == 2
    assert "999 is not in the range x>=1000" in done.output


def test_an_inventory_without_the_server_is_told() -> None:
    desktop = Machine("desktop", "192.0.2.1", ("nvidia",), {}, {})
    with pytest.raises(InventoryError) as refused:
        link._only(Topology((desktop,), ("nvidia",)), "edge", Path("mine.py"))
    assert str(refused.value) == (
        "mine.py has no host with the role edge, and the link is measured from a host of nvidia "
        "to one of edge; add it there"
    )


def test_a_board_that_is_off_is_told_and_nothing_is_written() -> None:
    rows = [[number, kind, None, "timed out"] for number in range(9) for kind in KINDS]
    ways = [{**vars(way), "samples": rows if way is LAN else []} for way in (LAN, USB)]
    hosts = (
        Machine("schlimers-server", "192.168.1.10", (), {}, {}),
        Machine("jetson", "192.168.1.40", (), {}, {}),
    )
    settings: dict[str, Any] = {"server": "edge"}
    settings |= {"rounds": 1000, "warm_up": 100, "payload_bytes": 12288, "port": 8080}
    with pytest.raises(RemoteError) as refused:
        said = {"paths": ways, "token_ms": []}
        link._result(said, settings, hosts, 3072, ROOT / "inventory.py")
    assert str(refused.value) == (
        "jetson (192.168.1.40:8080) answers no request of schlimers-server: timed out; switch "
        "jetson on, try: make verify LIMIT=jetson, then this again; nothing was written"
    )


@pytest.fixture
def desktop(tmp_path: Path) -> InventoryHost:
    """A host of loopback where no SSH server listens."""
    known = tmp_path / "known_hosts"
    known.touch()
    data: dict[str, Any] = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": 1,
        "ssh_user": "ai-idp",
        "ssh_key": str(tmp_path / "key"),
        "ssh_known_hosts_file": str(known),
    }
    return InventoryHost("schlimers-server", ("nvidia",), data)


def test_a_desktop_that_is_off_is_told(desktop: InventoryHost) -> None:
    with pytest.raises(RemoteError) as refused:
        remote.run_python(desktop, "")
    said = str(refused.value)
    assert said.startswith("schlimers-server (127.0.0.1 port 1) does not answer on SSH: ")
    assert said.endswith("; switch it on, and try again")


def test_without_pinned_keys_nobody_is_asked(desktop: InventoryHost, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").unlink()
    with pytest.raises(RemoteError, match=r"; try: make trust HOST=schlimers-server$"):
        remote.run_python(desktop, "")
