"""Models: every model of the catalogue is there, is what it claims to be, and is marked so."""

from __future__ import annotations

from testinfra.host import Host

from deploys.models import Model, Models


def path(settings: Models, held: Model) -> str:
    return f"{settings.folder(held)}/{held.file}"


def test_every_model_is_the_one_of_the_catalogue(host: Host, settings: Models) -> None:
    found = {held.name: host.file(path(settings, held)).sha256sum for held in settings.catalogue}
    assert found == {held.name: held.sha256 for held in settings.catalogue}


def test_every_model_is_marked_as_the_very_file_that_was_verified(
    host: Host, settings: Models
) -> None:
    for held in settings.catalogue:
        file = path(settings, held)
        now = host.check_output(f"stat --printf='%s %Y %i' {file}")
        mark = host.file(f"{file}.verified").content_string
        assert mark == f"{held.sha256} {now}\n", held.name


def test_a_server_may_read_but_not_change_a_model(host: Host, settings: Models) -> None:
    for held in settings.catalogue:
        file = host.file(path(settings, held))
        assert (file.user, file.group, file.mode) == ("root", "root", 0o644), held.name


def test_no_half_a_download_is_left(host: Host, settings: Models) -> None:
    incoming = host.check_output(f"find {settings.directory} -name '*.incomplete'")
    assert incoming == ""
