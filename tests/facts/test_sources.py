"""The fact about apt sources: its check of keys, run for real, and what it makes of a host."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.sources import Source, SourcesState, removal_request, sources_request

KEYS = Path(__file__).parent / "keys"
ONE = "2CE1BE4307A2A887A9010CC3FE15E81BDF790917"
RSA = "0AA016E5CF9D521469B1E6B46F557CD232F11C1C"
"""As `gpg --show-keys` prints them; `one.asc` has an encryption subkey too."""
VENDOR = Source(
    "vendor", "https://vendor.test/debian", "trixie", ("stable",), "https://vendor.test/gpg", ONE
)


class FakeHost:
    """The fact's shell on this machine, with a folder of its own and a downloader that copies."""

    def __init__(self, directory: Path) -> None:
        self.cache = directory / "cache"
        self.offered = directory / "offered"
        helper = directory / "apt-helper"
        helper.write_text(
            "#!/bin/sh\n"
            'while [ "$1" != download-file ]; do shift; done\n'
            f'cp {self.offered} "$3" 2>/dev/null ||\n'
            '{ echo "E: Could not connect to vendor.test" >&2; exit 100; }\n'
        )
        helper.chmod(0o755)
        self.helper = helper

    def offer(self, key: str) -> None:
        shutil.copy(KEYS / key, self.offered)

    def execute(self, source: Source = VENDOR) -> subprocess.CompletedProcess[str]:
        command = SourcesState().command()
        command = command.replace("/usr/lib/apt/apt-helper", str(self.helper))
        return subprocess.run(
            ["sh", "-c", command.replace("/var/lib/ai-idp/apt", str(self.cache))],
            input=sources_request([source]),
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def pinned(fingerprint: str) -> Source:
    return Source(**{**vars(VENDOR), "key_fingerprint": fingerprint})


@pytest.mark.parametrize(("key", "fingerprint"), [("one.asc", ONE), ("rsa.asc", RSA)])
def test_the_pinned_key_is_fetched_once_and_kept(
    host: FakeHost, key: str, fingerprint: str
) -> None:
    host.offer(key)
    run = host.execute(pinned(fingerprint))
    assert run.returncode == 0, run.stderr
    assert (
        SourcesState().process(run.stdout.splitlines())["vendor"].key == host.offered.read_bytes()
    )
    host.offered.unlink()
    assert host.execute(pinned(fingerprint)).returncode == 0


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("rsa.asc", RSA),
        ("two_keys.asc", "no single armored key"),
        ("none", "no single armored key"),
    ],
)
def test_any_other_key_is_refused_and_not_kept(host: FakeHost, key: str, instead: str) -> None:
    if key == "none":
        host.offered.write_text("<html>moved</html>\n")
    else:
        host.offer(key)
    run = host.execute()
    assert run.returncode == 3
    assert run.stderr == (
        f"unreadable: https://vendor.test/gpg does not answer with exactly the key {ONE}, which is "
        f"pinned for the source vendor, but with {instead}; "
        "find out why before you pin another one\n"
    )
    assert list((host.cache / "keys").iterdir()) == []


def test_a_kept_key_that_was_changed_is_fetched_again(host: FakeHost) -> None:
    host.offer("one.asc")
    host.execute()
    kept = host.cache / "keys" / "vendor.asc"
    shutil.copy(KEYS / "two_keys.asc", kept)
    assert host.execute().returncode == 0
    assert kept.read_bytes() == host.offered.read_bytes()


def test_a_key_that_cannot_be_fetched_is_unreadable(host: FakeHost) -> None:
    run = host.execute()
    assert run.returncode == 3
    assert run.stderr == (
        "unreadable: the key of the source vendor cannot be fetched from https://vendor.test/gpg: "
        "E: Could not connect to vendor.test\n"
    )


def test_a_source_without_a_key_is_only_looked_at() -> None:
    found = SourcesState().process(["source\tvendor", "end", "end of sources"])
    assert (found["vendor"].key, found["vendor"].files.found) == (b"", {})


def test_each_source_has_its_own_state() -> None:
    lines = [
        "source\ta",
        "manifest\t/etc/a",
        "end",
        "source\tb",
        "end",
        "key\tS0VZ",
        "end of sources",
    ]
    found = SourcesState().process(lines)
    assert (found["a"].files.manifest, found["b"].files.manifest) == (("/etc/a",), ())
    assert (found["a"].key, found["b"].key) == (b"", b"KEY")


@pytest.mark.parametrize("output", [[], ["source\tvendor", "end"]])
def test_what_ends_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        SourcesState().process(output)


def test_a_source_to_remove_needs_nothing_but_its_name() -> None:
    assert removal_request(["vendor"]) == "source\tvendor\n"


def test_apt_gets_one_paragraph_that_names_the_keyring() -> None:
    assert VENDOR.list_text() == (
        "# Managed by ai-idp; changes here are lost.\n"
        "Types: deb\n"
        "URIs: https://vendor.test/debian\n"
        "Suites: trixie\n"
        "Components: stable\n"
        "Signed-By: /etc/apt/keyrings/ai-idp-vendor.asc\n"
    )


def test_a_flat_repository_has_a_path_and_no_components() -> None:
    flat = Source(**{**vars(VENDOR), "suite": "/", "components": ()})
    assert "Suites: /\nSigned-By:" in flat.list_text()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "a b"}, "source `a b`: use small letters, digits and `-`"),
        (
            {"key_fingerprint": "2CE1 BE43"},
            "source vendor: `2CE1 BE43` is no fingerprint; "
            "write its 40 hex digits, large and without spaces",
        ),
        ({"uri": "http://x.test"}, "source vendor: `http://x.test` is no https address"),
        ({"key_url": "ftp://x.test"}, "source vendor: `ftp://x.test` is no https address"),
        (
            {"suite": "/"},
            "source vendor: a suite that ends with / (`/`) has no components, "
            "any other one has some",
        ),
        (
            {"components": ()},
            "source vendor: a suite that ends with / (`trixie`) has no components, "
            "any other one has some",
        ),
    ],
)
def test_what_is_no_source_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        Source(**{**vars(VENDOR), **changes})
    assert str(refused.value) == reason
