#!/usr/bin/python3
"""A stand-in for dcgm-exporter: recorded metrics of a GeForce card, for whoever is given a card.

Like the real one (4.5.3-4.8.2) it exports the fields of its counters file alone, ends at once on a
field that it does not know, and serves nothing where it sees no card. The file `VALUES` overrides
values while it runs, `FIELD value` on each line.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "4.5.3-4.8.2"
RECORDS = Path("/usr/share/dcgm")
VALUES = Path("/tmp/dcgm-values")
CARD = (Path("/dev/nvidiactl"), Path("/usr/bin/nvidia-smi"))
"""Either is there in a container that was given a card."""

DEFAULT_COUNTERS = "/etc/dcgm-exporter/default-counters.csv"
KINDS = ("gauge", "counter", "histogram", "label")
_SAMPLE = re.compile(r"(?P<field>\w+)\{(?P<labels>.*)\} (?P<value>\S+)")


class CountersError(Exception):
    """What the real exporter says of a counters file before it ends."""


@dataclass(frozen=True)
class Counter:
    """A line of the counters file."""

    field: str
    kind: str
    help: str


def counters(text: str, known: frozenset[str]) -> list[Counter]:
    """The counters of a file; CountersError, in the exporter's words, where it would end."""
    found = []
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, record in enumerate(csv.reader(lines)):
        parts = [part.strip(" ") for part in record]
        if len(parts) != 3:
            raise CountersError(
                f"malformed CSV record; err: failed to parse line {number} "
                f"(`[{' '.join(parts)}]`), expected 3 fields"
            )
        if parts[0] not in known:
            raise CountersError(
                f"could not find DCGM field; err: unknown ExporterCounter field '{parts[0]}'"
            )
        if "_PROF_" in parts[0]:
            log("WARN", f"Skipping line {number} ('{parts[0]}'): metric not enabled")
            continue
        if parts[1] not in KINDS:
            raise CountersError(f"could not find Prometheus metric type '{parts[1]}'")
        found.append(Counter(*parts))
    return found


def exposition(
    wanted: Sequence[Counter], recorded: str, values: Mapping[str, str], hostname: str
) -> str:
    """The metrics that were recorded of the wanted counters; a field without a record is absent."""
    samples = {
        found["field"]: found for found in map(_SAMPLE.match, recorded.splitlines()) if found
    }
    has_version = any(counter.field == "DCGM_FI_DRIVER_VERSION" for counter in wanted)
    lines = []
    for counter in wanted:
        sample = samples.get(counter.field)
        if sample is None or counter.kind == "label":
            continue
        labels = _labels(sample["labels"], hostname, has_version)
        lines += [
            f"# HELP {counter.field} {counter.help}",
            f"# TYPE {counter.field} {counter.kind}",
        ]
        lines.append(f"{counter.field}{{{labels}}} {values.get(counter.field, sample['value'])}")
    return "".join(f"{line}\n" for line in lines)


def _labels(recorded: str, hostname: str, has_version: bool) -> str:
    """Recorded labels under the name of this host, or without one."""
    kept = []
    for label in re.findall(r'\w+="[^"]*"', recorded):
        name = label.partition("=")[0]
        if name == "Hostname":
            kept += [f'Hostname="{hostname}"'] if hostname else []
        elif name != "DCGM_FI_DRIVER_VERSION" or has_version:
            kept.append(label)
    return ",".join(kept)


def overrides(file: Path) -> dict[str, str]:
    """Field and value of each line of the control file; nothing where there is none."""
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split(maxsplit=1) for line in lines if line.strip())


def log(level: str, message: str) -> None:
    print(f'level={level} msg="{message}"', file=sys.stderr, flush=True)


class Metrics(BaseHTTPRequestHandler):
    """Answers /metrics and /health."""

    wanted: Sequence[Counter] = ()
    hostname = ""

    def do_GET(self) -> None:
        body = {"/metrics": self._metrics(), "/health": "OK"}.get(self.path)
        content = ("404 page not found\n" if body is None else body).encode()
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _metrics(self) -> str:
        recorded = (RECORDS / "geforce.prom").read_text() if seen() else ""
        return exposition(self.wanted, recorded, overrides(VALUES), self.hostname)

    def log_message(self, format: str, *arguments: object) -> None:
        """Like the exporter, of a question nothing."""


def seen() -> bool:
    """Whether this container was given a card."""
    return any(path.exists() for path in CARD)


def main() -> int:
    """Serve until stopped; 1 where the exporter would end."""
    arguments = _parser().parse_args()
    log("INFO", f"Starting dcgm-exporter (a stand-in) Version={VERSION}")
    log("INFO", f"Falling back to metric file '{arguments.collectors}'")
    known = frozenset((RECORDS / "fields.txt").read_text().split())
    try:
        Metrics.wanted = counters(Path(arguments.collectors).read_text(), known)
    except (OSError, CountersError) as error:
        log("ERROR", str(error))
        return 1
    if not seen():
        log(
            "INFO",
            "Not collecting GPU metrics; error getting devices count: Cannot perform the "
            "requested operation because NVML doesn't exist on this system.",
        )
    Metrics.hostname = "" if arguments.no_hostname else socket.gethostname()
    address, _, port = arguments.address.rpartition(":")
    # Process 1 of a container gets no signal that it has not asked for (pid_namespaces(7)).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log("INFO", "HTTP server started - ready to serve metrics")
    ThreadingHTTPServer((address, int(port)), Metrics).serve_forever()
    return 0


def _parser() -> argparse.ArgumentParser:
    """The flags of the exporter that a stack of this project may use."""
    parser = argparse.ArgumentParser(prog="dcgm-exporter", allow_abbrev=False)
    environment = os.environ
    parser.add_argument(
        *("-f", "--collectors"),
        default=environment.get("DCGM_EXPORTER_COLLECTORS", DEFAULT_COUNTERS),
    )
    parser.add_argument(
        *("-a", "--address"), default=environment.get("DCGM_EXPORTER_LISTEN", ":9400")
    )
    parser.add_argument("-c", "--collect-interval", type=int, default=30000)
    parser.add_argument("-n", "--no-hostname", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
