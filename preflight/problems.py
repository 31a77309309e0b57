"""Problem: one reason to refuse a run. Refused: the end of a run that has any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Who has it, what is wrong, and what to do about it."""

    who: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.who}: {self.what}; {self.remedy}"


class Refused(SystemExit):
    """Ends the process with status 1 and names every reason at once.

    pyinfra shows an exception of an inventory file with a traceback, and its own errors with the
    line that raised them; neither helps whoever has to mend a value.
    """

    def __init__(self, reasons: Sequence[Problem | Exception]) -> None:
        lines = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(f"Refused before any connection, for {len(reasons)} reason(s):\n{lines}")
