"""Models: every file of the catalogue is there, whole, verified, and safe from its readers."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.models import GIB, Models, downloads
from deploys.topology import Machine
from operations import model_lock
from operations.model_shelf import Wanted


@pytest.fixture
def files(machine: Machine, settings: Models) -> dict[str, tuple[str, Wanted]]:
    """Folder and expectation of every file of the host's models, by path; locked sums included."""
    lock = model_lock.read(model_lock.path_in(machine.data))
    return {
        f"{settings.directory}/{model.name}/{model.revision}/{file.path}": (
            f"{settings.directory}/{model.name}/{model.revision}",
            file,
        )
        for model in (download.locked(lock) for download in downloads(settings))
        for file in model.files
    }


def test_every_file_has_the_bytes_that_are_pinned_or_locked(
    host: Host, files: dict[str, tuple[str, Wanted]]
) -> None:
    lines = host.check_output(f"sha256sum {' '.join(files)}").splitlines()
    found = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    assert found == {path: file.sha256 for path, (_, file) in files.items()}


def test_every_file_has_the_size_that_the_disk_was_checked_for(
    host: Host, files: dict[str, tuple[str, Wanted]]
) -> None:
    lines = host.check_output(f"stat --printf='%s %n\\n' {' '.join(files)}").splitlines()
    found = {path: int(size) for size, path in (line.split(" ", 1) for line in lines)}
    assert found == {path: file.bytes for path, (_, file) in files.items()}


def test_every_file_is_marked_as_the_very_one_that_was_verified(
    host: Host, files: dict[str, tuple[str, Wanted]]
) -> None:
    for path, (folder, file) in files.items():
        now = host.check_output(f"stat --printf='%s %.9Y %i' {path}")
        marks = host.file(f"{folder}/.verified").content_string.splitlines()
        assert f"{file.sha256} {now} {file.path}" in marks, path


def test_a_server_may_read_but_not_change_a_model(
    host: Host, files: dict[str, tuple[str, Wanted]]
) -> None:
    modes = host.check_output(f"stat --printf='%a %U:%G\\n' {' '.join(files)}").splitlines()
    assert set(modes) == {"644 root:root"}


def test_no_half_a_download_is_left(host: Host, settings: Models) -> None:
    left = host.check_output(
        f"find {settings.directory} -name '*.incomplete' -o -path '*/.incoming/*' -type f"
    )
    assert left.splitlines() == [f"{settings.directory}/.incoming/lock"]


def test_the_reserve_of_the_disk_is_free(host: Host, settings: Models) -> None:
    free = int(
        host.check_output(f"df --block-size=1 --output=avail {settings.directory} | tail -1")
    )
    assert free >= settings.reserve_gib * GIB
