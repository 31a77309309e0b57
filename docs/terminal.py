"""The pictures of a terminal in the README: what commands really printed, recorded and drawn.

``python docs/terminal.py record NAME 'make lab' …`` runs the commands and keeps what they print in
docs/NAME.ansi; ``python docs/terminal.py draw NAME`` makes docs/NAME.svg of that. The middle of a
long output is left out, and the picture says so.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

DOCS = Path(__file__).parent
ROOT = DOCS.parent
COLUMNS = 116
PROMPT = "\x1b[1;32m$\x1b[0m "
FONT, FONTS = "Fira Code, monospace", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def record(commands: list[str], head: int, tail: int, omit: str) -> str:
    """Run the commands one after the other, and return their prompts and output with colours."""
    parts = []
    for command in commands:
        lines = [line for line in _printed(command).splitlines() if not re.search(omit, line)]
        parts += [f"{PROMPT}{command}", *_shortened(lines, head, tail), ""]
    return "\n".join(line.rstrip() for line in parts)


def draw(recording: str, name: str) -> str:
    """An SVG picture of a recording; it needs nothing from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(recording.rstrip()), soft_wrap=False)
    picture = console.export_svg(title=f"ai-idp: {name}", theme=MONOKAI, unique_id=name)
    # rich has the font fetched from a content network; the reader's own monospace font will do.
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in picture.replace(FONT, FONTS).splitlines()) + "\n"


def _printed(command: str) -> str:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "PYINFRA_PROGRESS": "off"}
    process = subprocess.Popen(
        command, shell=True, cwd=ROOT, stdin=child, stdout=child, stderr=child, env=environment
    )
    os.close(child)
    printed = b"".join(iter(lambda: _read(parent), b"")).decode(errors="replace")
    process.wait()
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in printed.split("\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux reports a pseudo-terminal whose other end is closed as EIO.
        return b""


def _shortened(lines: list[str], head: int, tail: int) -> list[str]:
    left_out = len(lines) - head - tail
    if left_out <= 0:
        return lines
    note = f"\x1b[2;3m  … {left_out} lines are left out here …\x1b[0m"
    return [*lines[:head], note, *lines[-tail:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("record", "draw"))
    parser.add_argument("name", help="of docs/NAME.ansi and docs/NAME.svg")
    parser.add_argument("commands", nargs="*", help="what to run, for record")
    parser.add_argument("--head", type=int, default=30, help="lines of each that are kept")
    parser.add_argument("--tail", type=int, default=30, help="lines of each that are kept")
    parser.add_argument("--omit", default="(?!)", help="leave out lines that match this")
    options = parser.parse_args()
    recording, picture = (DOCS / f"{options.name}.{kind}" for kind in ("ansi", "svg"))
    if options.action == "record":
        text = record(options.commands, options.head, options.tail, options.omit)
        recording.write_text(f"{text.rstrip()}\n", encoding="utf-8")
    else:
        text = recording.read_text(encoding="utf-8")
        picture.write_text(draw(text, options.name), encoding="utf-8")


if __name__ == "__main__":
    main()
