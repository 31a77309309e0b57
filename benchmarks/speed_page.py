"""docs/speed.md: what the newest recorded results say, and nothing that was not measured."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from benchmarks.result import GatewayResult, Result

DOCUMENT = Path(__file__).parent.parent / "docs" / "speed.md"
TEMPLATE = Path(__file__).with_name("speed.md.j2")


def page(result: Result, gateway: GatewayResult) -> str:
    """The document that the two results generate."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    roles = dict.fromkeys(role for by_role in result.remote_commands.values() for role in by_role)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        gateway=gateway,
        roles=list(roles),
        pairs=min(len(c.pairs) for c in result.comparisons),
    )


def write() -> Path:
    DOCUMENT.write_text(page(Result.newest(), GatewayResult.newest()), encoding="utf-8")
    return DOCUMENT
