"""Numbers: as Grafana would write them in a unit, and the lines that an axis needs."""

from __future__ import annotations

import math
from collections.abc import Callable

from dashboards.units import EVENTS_PER_SECOND, TOKENS, TOKENS_PER_SECOND


def written(value: float, unit: str) -> str:
    """The number with its unit, in few digits."""
    return _UNITS[unit](value)


def ticks(highest: float, lines: int = 4, binary: bool = False) -> list[float]:
    """Round numbers from zero up to at least `highest`, about `lines` of them."""
    if highest <= 0:
        return [0.0, 1.0]
    base = 1024.0 ** math.floor(math.log(highest, 1024)) if binary and highest >= 1 else 1.0
    rough = highest / base / lines
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * part for part in (1, 2, 2.5, 5, 10) if size * part >= rough * 0.999)
    count = math.ceil(highest / base / step - 1e-9)
    return [base * step * number for number in range(count + 1)]


def _plain(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value / 1000:.3g} k"
    text = f"{value:.3g}"
    return f"{value:.4f}".rstrip("0") if "e" in text else text


def _steps(names: tuple[tuple[float, str], ...]) -> Callable[[float], str]:
    def say(value: float) -> str:
        factor, name = next(
            ((factor, name) for factor, name in names if abs(value) >= factor), names[-1]
        )
        return f"{_plain(value / factor)} {name}" if value else f"0 {names[-1][1]}".strip()

    return say


_DURATION = _steps(((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))

_UNITS: dict[str, Callable[[float], str]] = {
    "short": _plain,
    "none": lambda value: f"{value:g}",
    "percentunit": lambda value: f"{_plain(round(value * 100, 1))} %",
    "percent": lambda value: f"{_plain(round(value, 1))} %",
    "s": lambda value: "0 s" if value == 0 else _DURATION(value),
    "d": lambda value: f"{_plain(value)} days",
    "bytes": _steps(_BYTES),
    "mbytes": lambda value: _steps(_BYTES)(value * 2**20),
    "binBps": lambda value: f"{_steps(_BYTES)(value)}/s",
    "celsius": lambda value: f"{_plain(value)} °C",
    "watt": lambda value: f"{_plain(value)} W",
    "hertz": lambda value: _steps(((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz")))(value),
    "reqps": lambda value: f"{_plain(value)} req/s",
    TOKENS: lambda value: f"{_plain(value)} tokens",
    TOKENS_PER_SECOND: lambda value: f"{_plain(value)} tok/s",
    EVENTS_PER_SECOND: lambda value: f"{_plain(value)} /s",
}
