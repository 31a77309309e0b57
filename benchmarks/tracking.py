"""Tracking: each run of a benchmark goes to the MLflow of the inventory, where there is one.

Through the gateway, by MLflow's own REST API; the client would be a hundred packages here.
"""

from __future__ import annotations

import base64
import getpass
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import certificates
import inventory_json
import secret_store
from benchmarks.link_result import LinkResult
from benchmarks.result import GatewayResult, Result
from deploys.gateway import host_names
from deploys.mlflow import ADMIN_PASSWORD, PATH
from deploys.nginx import HTTPS
from deploys.topology import Topology
from inventory_json import ROOT
from secret_store import SecretStoreError

API = f"{PATH}api/2.0"
SECONDS = 30
NO_LETTER = re.compile(r"[^\w. /:-]")
"""What MLflow takes in no name of a metric or parameter."""
MOST_METRICS, MOST_PARAMETERS = 1000, 100
"""Of one request (mlflow/utils/validation.py)."""


Tracked = Result | GatewayResult | LinkResult


class TrackingError(Exception):
    """MLflow, or the gateway before it, did not do what was asked."""


@dataclass(frozen=True)
class Door:
    """The gateway's address and name, whom to believe there, and the password of `admin`."""

    address: str
    name: str
    port: int
    trust: ssl.SSLContext | None
    password: str

    def ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """The JSON that MLflow answers with; TrackingError where that is an error, or nothing."""
        login = base64.b64encode(f"admin:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        try:
            with closing(self._connection()) as connection:
                connection.request(method, path, body, {**headers, "Host": self.name})
                answer = connection.getresponse()
                said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise TrackingError(f"{self.name} does not answer: {error}") from error
        if answer.status != 200:
            text = said[:200].decode(errors="replace")
            raise TrackingError(f"{path} answers {answer.status}: {text}")
        found: dict[str, Any] = json.loads(said or b"{}")
        return found

    def _connection(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.name, self.port, timeout=SECONDS)
        # This computer need not know the name.
        plain = socket.create_connection((self.address, self.port), timeout=SECONDS)
        wrap = self.trust.wrap_socket if self.trust else None
        connection.sock = wrap(plain, server_hostname=self.name) if wrap else plain
        return connection


def record(benchmark: str, result: Tracked, saved: Path, inventory: Path) -> str:
    """Log a run of `benchmark`; says where it is, or why it is in its file alone."""
    topology = inventory_json.topology(inventory_json.read(inventory))
    try:
        found = door(topology)
        if found is None:
            return f"not logged: {inventory} has no MLflow behind a gateway; it is in {saved.name}"
        run = log(found, benchmark, parameters(result, inventory), metrics(result), saved)
    except (TrackingError, SecretStoreError, OSError) as error:
        return f"not logged, it is in {saved.name} alone: {error}"
    return f"logged as run {run} of the experiment {benchmark}"


def door(topology: Topology) -> Door | None:
    """How to reach MLflow; None where the inventory has none, or no gateway."""
    gateways = topology.having("nginx")
    if not gateways or not topology.having("mlflow"):
        return None
    gateway = gateways[0]
    authority = certificates.for_data(gateway.data).certificate_path.read_text()
    trust = ssl.create_default_context(cadata=authority)
    password = secret_store.for_data(gateway.data).get(ADMIN_PASSWORD).get_secret_value()
    return Door(gateway.address, host_names(gateway)[0], HTTPS, trust, password)


def parameters(result: Tracked, inventory: Path) -> dict[str, str]:
    """What the figures depend on."""
    commit = {"commit": result.versions.get("ai-idp", "unknown")}
    place = inventory.relative_to(ROOT) if inventory.is_relative_to(ROOT) else inventory
    versions = {
        f"version {name}": value for name, value in result.versions.items() if name != "ai-idp"
    }
    return {**commit, "inventory": str(place), "machine": result.machine, **versions}


def metrics(result: Tracked) -> dict[str, float]:
    """The median ratio of each comparison; of the link, the times of each kind of request."""
    if isinstance(result, LinkResult):
        return result.figures()
    return {
        NO_LETTER.sub("", f"{found.what} beside {found.beside}"): found.ratio
        for found in result.comparisons
    }


def log(
    door: Door, name: str, given: dict[str, str], measured: dict[str, float], saved: Path
) -> str:
    """Make a finished run of these in the experiment `name`; returns its id."""
    now = _milliseconds()
    run = _post(
        door,
        "runs/create",
        experiment_id=_experiment(door, name),
        run_name=saved.stem,
        start_time=now,
        tags=_pairs(
            {
                "mlflow.user": getpass.getuser(),
                "mlflow.source.name": f"benchmarks/{name}",
                "mlflow.source.git.commit": given["commit"],
            }
        ),
    )["run"]["info"]
    values = [{"key": key, "value": value, "timestamp": now} for key, value in measured.items()]
    shown = _pairs({NO_LETTER.sub("", key): value for key, value in given.items()})
    for part in _parts(values, MOST_METRICS):
        _post(door, "runs/log-batch", run_id=run["run_id"], metrics=part)
    for part in _parts(shown, MOST_PARAMETERS):
        _post(door, "runs/log-batch", run_id=run["run_id"], params=part)
    folder = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = quote(f"{folder}/{saved.name}")
    door.ask("PUT", f"{API}/mlflow-artifacts/artifacts/{file}", saved.read_bytes())
    _post(door, "runs/update", run_id=run["run_id"], status="FINISHED", end_time=_milliseconds())
    return str(run["run_id"])


def _experiment(door: Door, name: str) -> str:
    wanted = {"filter": f"name = '{name}'", "max_results": 1}
    found = _post(door, "experiments/search", **wanted).get("experiments", [])
    made = found[0] if found else _post(door, "experiments/create", name=name)
    return str(made["experiment_id"])


def _post(door: Door, call: str, **body: Any) -> dict[str, Any]:
    return door.ask("POST", f"{API}/mlflow/{call}", json.dumps(body).encode())


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _parts(values: Sequence[Any], most: int) -> Iterable[Sequence[Any]]:
    return (values[start : start + most] for start in range(0, len(values), most))


def _milliseconds() -> int:
    return int(time.time() * 1000)
