"""Models: every model of the catalogue is there, is what it claims to be, and is marked so."""

from __future__ import annotations

from testinfra.host import Host

from deploys.models import ModelFile, Models


def files(settings: Models) -> dict[str, ModelFile]:
    """Every file of the host's models by its path."""
    return {
        f"{settings.folder(model)}/{file.path}": file
        for model in settings.held
        for file in model.files
    }


def test_every_file_is_the_one_of_the_catalogue(host: Host, settings: Models) -> None:
    pinned = {path: file.sha256 for path, file in files(settings).items() if file.sha256}
    assert {path: host.file(path).sha256sum for path in pinned} == pinned


def test_every_file_is_marked_as_the_very_one_that_was_verified(
    host: Host, settings: Models
) -> None:
    for path, file in files(settings).items():
        now = host.check_output(f"stat --printf='%s %Y %i' {path}")
        mark = host.file(f"{path}.verified").content_string
        assert mark == f"{file.sha256} {now}\n", path


def test_a_server_may_read_but_not_change_a_model(host: Host, settings: Models) -> None:
    for path in files(settings):
        file = host.file(path)
        assert (file.user, file.group, file.mode) == ("root", "root", 0o644), path


def test_no_half_a_download_is_left(host: Host, settings: Models) -> None:
    incoming = host.check_output(f"find {settings.directory} -name '*.incomplete'")
    assert incoming == ""
