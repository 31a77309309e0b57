"""Sources of packages: another vendor's apt repository, trusted by exactly one pinned key."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from facts.service import State
from facts.sources import Source, SourcesState, SourceState, removal_request, sources_request
from operations.differences import entry_changes
from operations.entries import File
from operations.service import UNREADABLE, land
from operations.transaction import STATE, Steps, Transaction

KEYS = "/var/lib/ai-idp/apt/keys"

# Only this source's index is fetched: another one that is down shall not undo it.
_FETCH = """\
apt-get update --quiet -o Acquire::Retries=1 -o APT::Update::Error-Mode=any \\
    -o Dir::Etc::sourcelist={path} -o Dir::Etc::sourceparts=/dev/null -o APT::Get::List-Cleanup=0 ||
    {{ echo 'apt cannot read the source {name} at {uri}; its own words stand above'; exit 1; }}
"""


@operation()
def present(sources: Sequence[Source]) -> Generator[PyinfraCommand]:
    """
    Have apt know these sources, each with its own keyring and preferences.

    + sources: a key that is not exactly the pinned one is refused, and nothing is changed

    **Example:**

        sources.present(name="Have the vendor's packages", sources=[settings.repository(linux)])
    """
    found = host.get_fact(SourcesState, _stdin=sources_request(sources))
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    # A plan asks for the first command only: by then each source has announced its changes.
    yield from [command for source in sources for command in _landing(source, found[source.name])]


@operation()
def removed(names: Sequence[str]) -> Generator[PyinfraCommand]:
    """
    Have apt know none of these sources; packages that came from them stay.

    + names: names of sources that `sources.present` made
    """
    found = host.get_fact(SourcesState, _stdin=removal_request(names))
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    yield from [command for name in names for command in _leaving(name, found[name].files)]


def entries(source: Source, key: bytes) -> list[File]:
    """The files of a source, its keyring being `key`."""
    texts = {
        source.list_path: source.list_text(),
        source.preferences_path: source.preferences_text(),
    }
    return [
        File(source.keyring_path, key),
        *(File(path, text.encode()) for path, text in texts.items() if text),
    ]


def activation(source: Source) -> str:
    """Shell text: apt reads the index of this source, or fails where no pinned key signed it."""
    return _FETCH.format(path=source.list_path, name=source.name, uri=source.uri)


def _landing(source: Source, state: SourceState) -> Generator[PyinfraCommand]:
    steps = Steps(activate=activation(source))
    yield from land(source.service, entries(source, state.key), (), steps, state.files)


def _leaving(name: str, files: State) -> Generator[PyinfraCommand]:
    if not files.manifest:
        return
    gone = files.removable(files.manifest)
    changes.announce(host, entry_changes((), gone, files, {}))
    service = f"apt-{name}"
    yield from Transaction(service, (), (), gone, units=(), steps=Steps()).commands()
    yield StringCommand("rm", "-rf", f"{STATE}/{service}", f"{KEYS}/{name}.asc")
