"""docs/speed.md: what the newest recorded result says, and nothing that was not measured."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from benchmarks.result import Result

DOCUMENT = Path(__file__).parent.parent / "docs" / "speed.md"
TEMPLATE = Path(__file__).with_name("speed.md.j2")


def page(result: Result) -> str:
    """The document that `result` generates."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    roles = dict.fromkeys(role for by_role in result.remote_commands.values() for role in by_role)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result, roles=list(roles), pairs=min(len(c.pairs) for c in result.comparisons)
    )


def write() -> Path:
    DOCUMENT.write_text(page(Result.newest()), encoding="utf-8")
    return DOCUMENT
