"""Refused arguments: what no role may add to a server's command line, looked up word by word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping


def allowed(
    arguments: tuple[str, ...], refused: Mapping[str, str], flag: Callable[[str], str]
) -> tuple[str, ...]:
    """`arguments`; ValueError for the first whose `flag` is among the `refused`, with its reason.

    `flag` tells which argument the server takes a word for.
    """
    for name in map(flag, arguments):
        if name in refused:
            raise ValueError(f"`{name}` {refused[name]}; take it out")
    return arguments


def abbreviated(name: str, refused: Iterable[str]) -> str:
    """The refused argument of which `name` is the beginning; empty if there is none.

    argparse and getopt_long(3) take a long argument by as much of it as tells it from the others.
    """
    begun = name.startswith("--") and len(name) > 2
    return next((whole for whole in refused if begun and whole.startswith(name)), "")
