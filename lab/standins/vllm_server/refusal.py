"""Refusal: the end of a start, in the words of vLLM."""

from __future__ import annotations


class Refused(Exception):
    """What stands in the last line of a failed start: the kind of error, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
