"""The fact about services: its shell with a systemctl that answers as a test wants."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from facts.service import ServiceState, State, state_request

SYSTEMCTL = """\
#!/bin/sh
looks=$(($(cat {folder}/looks 2>/dev/null || echo 0) + 1))
echo $looks >{folder}/looks
state=deactivating
[ $looks -le {ending} ] || state={then}
printf 'Id=demo.service\\nLoadState=loaded\\nUnitFileState=enabled\\n'
printf 'ActiveState=%s\\nNeedDaemonReload=no\\n' $state
"""


def read(folder: Path, systemctl: str) -> State:
    programs = folder / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(systemctl)
    (programs / "sleep").write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", ServiceState().command("none-such")],
        input=state_request([], ["demo.service"]),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return ServiceState().process(done.stdout.splitlines())


@pytest.mark.parametrize("then", ["activating", "inactive", "active"])
@pytest.mark.parametrize("ending", [0, 3])
def test_of_a_unit_that_ends_counts_what_it_comes_to(
    tmp_path: Path, ending: int, then: str
) -> None:
    """As one that systemd starts again a moment later."""
    state = read(tmp_path, SYSTEMCTL.format(folder=tmp_path, ending=ending, then=then))
    assert state.units["demo.service"].active == then
    assert (tmp_path / "looks").read_text() == f"{ending + 1}\n"


def test_a_unit_that_does_not_end_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    state = read(tmp_path, SYSTEMCTL.format(folder=tmp_path, ending=1000, then="active"))
    assert state.units["demo.service"].active == "deactivating"
    assert int((tmp_path / "looks").read_text()) < 100
