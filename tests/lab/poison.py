"""Poison: secret values in every form in which they could leak, and the search for them."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping
from urllib.parse import quote

SHORTEST = 12
"""A shorter line of a secret says nothing, and is found by chance."""
SHORTEST_RUN = 60
DEEPEST = 4

_STYLE = re.compile(rb"\x1b\[[0-9;]*m")
_PREFIX = re.compile(rb"(?m)^[ +-]*(\[[\w.@-]+\])?[ +-]*(>>> )?")
_RUN = re.compile(rb"[A-Za-z0-9+/]{%d,}" % SHORTEST_RUN)
_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{%d,}\s*\n)+[A-Za-z0-9+/]*" % SHORTEST_RUN)


class Poison:
    """The values of `secrets` (by name), and what each looks like once it has leaked."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {
            form: name
            for name, value in secrets.items()
            for part in _parts(value)
            for form in _forms(part)
        }

    @property
    def patterns(self) -> bytes:
        """The forms as `grep --fixed-strings --file` takes them: those that are text."""
        texts = (form for form in self._forms if form.isascii() and form.decode().isprintable())
        return b"".join(form + b"\n" for form in texts)

    def found(self, content: bytes) -> set[str]:
        """Names of the secrets that are in `content`, plain, encoded, packed or all of it."""
        return self._in(content).union(*map(self._in, _unpacked(content, DEEPEST)))

    def _in(self, content: bytes) -> set[str]:
        return {name for form, name in self._forms.items() if form in content}


def uploads(content: bytes) -> list[bytes]:
    """Beginnings of gzip archives in base64: what travels to a host, and is for nobody's eyes."""
    return re.findall(rb"H4sI[A-Za-z0-9+/]{20,}", content)


def _parts(value: str) -> Iterator[bytes]:
    """The value and, of one with several lines, each line and what they encode together."""
    lines = [line for line in value.splitlines() if not line.startswith("-----")]
    yield value.strip().encode()
    if len(lines) > 1:
        yield from (line.encode() for line in lines if len(line) >= SHORTEST)
        yield base64.b64decode("".join(lines))


def _forms(value: bytes) -> Iterator[bytes]:
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    yield quote(value, safe="").encode()
    yield repr(value)[2:-1].encode()
    for offset in range(3):
        yield from _in_base64(value, offset)


def _in_base64(value: bytes, offset: int) -> Iterator[bytes]:
    """What base64 makes of `value` behind `offset` other bytes: the letters that are its own."""
    begin, end = (offset * 8 + 5) // 6, (offset + len(value)) * 8 // 6
    padded = bytes(offset) + value
    yield base64.b64encode(padded)[begin:end]
    yield base64.urlsafe_b64encode(padded)[begin:end]


def _unpacked(content: bytes, depth: int) -> Iterator[bytes]:
    """Everything that base64 and gzip hide in `content`, and what is hidden in that."""
    if depth == 0:
        return
    for inner in (*_decoded(content), *_decompressed(content)):
        yield inner
        yield from _unpacked(inner, depth - 1)


def _decoded(content: bytes) -> Iterator[bytes]:
    """Each base64 text, also one in lines behind the marks that pyinfra and diffs put there."""
    text = _PREFIX.sub(b"", _STYLE.sub(b"", content.replace(b"\\n", b"\n")))
    for run in (*_RUN.findall(text), *_LINES.findall(text)):
        letters = re.sub(rb"\s", b"", run)
        # Letters that stand directly before an archive would shift all that follows.
        for start in {0, max(letters.find(b"H4sI"), 0)}:
            aligned = letters[start : len(letters) - (len(letters) - start) % 4]
            yield base64.b64decode(aligned)


def _decompressed(content: bytes) -> Iterator[bytes]:
    """Each gzip stream, as far as it goes: one that was cut off has told enough."""
    for start in (match.start() for match in re.finditer(rb"\x1f\x8b\x08", content)):
        stream = zlib.decompressobj(wbits=31)
        try:
            yield stream.decompress(content[start:])
        except zlib.error:
            continue
