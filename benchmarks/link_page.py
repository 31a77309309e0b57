"""docs/link.md and docs/link.svg: what the newest measurement of the link says."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from benchmarks import link_picture
from benchmarks.link_claims import CLAIMS, FEWEST_ANSWERS, MOST_ERRORS, verdict
from benchmarks.link_result import KINDS, LinkResult
from benchmarks.link_split import JETSON_GB_S, SPLITS
from benchmarks.quantiles import Times

DOCUMENT = Path(__file__).parent.parent / "docs" / "link.md"
PICTURE = DOCUMENT.with_suffix(".svg")
TEMPLATE = Path(__file__).with_name("link.md.j2")
SHARES = (0.25, 0.5)


def page(result: LinkResult) -> str:
    """The document that the result generates."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        kinds=KINDS,
        rows=[
            (way.name, kind, times)
            for way in result.ways
            for kind in KINDS
            if (times := result.times(way.name, kind))
        ],
        claims=[
            (claim, way, verdict(claim, result.times(way.name, claim.kind)))
            for claim in CLAIMS
            for way in result.ways
        ],
        links=[
            (way.name, payload)
            for way in result.ways
            if (payload := result.times(way.name, "payload"))
        ],
        lan={kind: _answered(result, kind) for kind in KINDS},
        splits=SPLITS,
        shares=SHARES,
        jetson_gb_s=JETSON_GB_S,
        fewest=FEWEST_ANSWERS,
        most_percent=100 * MOST_ERRORS,
    )


def _answered(result: LinkResult, kind: str) -> Times:
    times = result.times("LAN", kind)
    assert times, f"{result.name} has no answer of {kind} over LAN"
    return times


def write() -> Path:
    """Write both from the newest recorded result; returns the document's path."""
    result = LinkResult.newest()
    DOCUMENT.write_text(page(result), encoding="utf-8")
    PICTURE.write_text(link_picture.draw(result), encoding="utf-8")
    return DOCUMENT
