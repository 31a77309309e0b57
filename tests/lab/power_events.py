"""Power events: when containers ended, by the word of the engines that ran them, at each level."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from typing import Self

from lab.checkout import NAME, container_name

EVENTS = (
    *("docker", "events", "--filter", "type=container", "--filter", "event=die"),
    *("--format", "{{.TimeNano}} {{.Actor.Attributes.name}}"),
)


@dataclass(frozen=True)
class Ended:
    """One container that ended: a host of the lab, or one inside of a host."""

    nanoseconds: int
    name: str


class PowerEvents:
    """Listens to this computer's engine (its containers are hosts) and to that of one host."""

    def __init__(self, host: str) -> None:
        inside = ("docker", "exec", container_name(host), *EVENTS)
        self._streams = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for command in (EVENTS, inside)
        ]
        self._ended: list[Ended] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in self._streams
        ]

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.kill()
            stream.wait()
        for reader in self._readers:
            reader.join()
        for stream in self._streams:
            assert stream.stdout is not None
            stream.stdout.close()

    def _read(self, stream: subprocess.Popen[str]) -> None:
        assert stream.stdout is not None
        for line in stream.stdout:
            at, _, name = line.strip().partition(" ")
            self._ended.append(Ended(int(at), name.removeprefix(f"{NAME}-")))

    def order(self) -> list[str]:
        """The names of what ended, in the order in which it did."""
        return [one.name for one in sorted(self._ended, key=lambda one: one.nanoseconds)]

    def has_ended(self, name: str) -> bool:
        return name in self.order()
