"""Sources of packages beyond the distribution's: what they are, and their state on a host."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

from facts.service import SCRIPT as SERVICE_SCRIPT
from facts.service import ServiceState, State

SCRIPT = Path(__file__).with_name("sources_state.sh")
KEY_SCRIPT = Path(__file__).with_name("source_key.sh")


@dataclass(frozen=True)
class Source:
    """An apt repository of somebody else, and the one key that vouches for its index.

    `suite` is a code name with `components`, or a path that ends with `/` without any (a flat
    repository). `key_fingerprint` are the 40 hex digits of the primary key that `key_url` answers
    with, armored. `preferences` are the records of apt_preferences(5) that go with it.
    ValueError where one of them is not so.
    """

    name: str
    uri: str
    suite: str
    components: tuple[str, ...]
    key_url: str
    key_fingerprint: str
    preferences: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise ValueError(f"source `{self.name}`: use small letters, digits and `-`")
        if not re.fullmatch(r"[0-9A-F]{40}", self.key_fingerprint):
            raise ValueError(
                f"source {self.name}: `{self.key_fingerprint}` is no fingerprint; "
                "write its 40 hex digits, large and without spaces"
            )
        for url in (self.uri, self.key_url):
            if not re.fullmatch(r"https://\S+", url):
                raise ValueError(f"source {self.name}: `{url}` is no https address")
        if self.suite.endswith("/") == bool(self.components):
            raise ValueError(
                f"source {self.name}: a suite that ends with / (`{self.suite}`) has no components, "
                "any other one has some"
            )

    @property
    def service(self) -> str:
        """The name under which its files land as one set."""
        return f"apt-{self.name}"

    @property
    def keyring_path(self) -> str:
        return f"/etc/apt/keyrings/ai-idp-{self.name}.asc"

    @property
    def list_path(self) -> str:
        return f"/etc/apt/sources.list.d/ai-idp-{self.name}.sources"

    @property
    def preferences_path(self) -> str:
        return f"/etc/apt/preferences.d/ai-idp-{self.name}.pref"

    def list_text(self) -> str:
        """The content of its file for apt (sources.list(5), deb822)."""
        components = f"Components: {' '.join(self.components)}\n" if self.components else ""
        return (
            "# Managed by ai-idp; changes here are lost.\n"
            f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\n{components}"
            f"Signed-By: {self.keyring_path}\n"
        )

    def preferences_text(self) -> str:
        head = "# Managed by ai-idp; changes here are lost.\n"
        return f"{head}{self.preferences.strip()}\n" if self.preferences else ""


@dataclass(frozen=True)
class SourceState:
    """The files of a source as they are, and the key that the vendor gives (checked, armored)."""

    files: State
    key: bytes


class SourcesState(FactBase[dict[str, SourceState] | None]):
    """State by name of the sources on standard input; None if unreadable.

    A key is fetched over TLS where the host has none that was checked before. It is unreadable
    unless it holds exactly the one primary key that is pinned.
    """

    @override
    def command(self) -> str:
        service = f"service_state() (\n{SERVICE_SCRIPT.read_text()})\n"
        return KEY_SCRIPT.read_text() + service + SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> dict[str, SourceState]:
        if not output or output[-1] != "end of sources":
            raise FactProcessError("the state of the sources ended in the middle")
        found: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in output[:-1]:
            if line.startswith("source\t"):
                lines = found.setdefault(line.partition("\t")[2], [])
            else:
                lines.append(line)
        return {name: _source_state(lines) for name, lines in found.items()}


def sources_request(sources: Iterable[Source]) -> str:
    """Standard input of `SourcesState`."""
    return "".join(f"{request_line(source)}\n" for source in sources)


def removal_request(names: Iterable[str]) -> str:
    """Standard input of `SourcesState` for sources of which only the name is known."""
    return "".join(f"source\t{name}\n" for name in names)


def request_line(source: Source) -> str:
    """A source for a fact: name, pinned fingerprint, address of the key, and the two texts."""
    texts = (source.list_text(), source.preferences_text())
    encoded = (base64.b64encode(text.encode()).decode() for text in texts)
    columns = (source.name, source.key_fingerprint, source.key_url, *encoded)
    return "\t".join(("source", *columns))


def _source_state(lines: list[str]) -> SourceState:
    key = next((line.partition("\t")[2] for line in lines if line.startswith("key\t")), "")
    state = [line for line in lines if not line.startswith("key\t")]
    return SourceState(ServiceState().process(state), base64.b64decode(key))
