"""Wording: how sizes and times are said."""

from __future__ import annotations


def say(text: str) -> None:
    print(text, flush=True)


def scaled(size: float) -> tuple[float, str]:
    return (1e9, "GB") if size >= 1e8 else (1e6, "MB")


def amount(size: float) -> str:
    scale, unit = scaled(size)
    return f"{size / scale:.2f} {unit}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
