"""Benchmarks log to MLflow where there is one, and say why where they do not."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchmarks import tracking
from benchmarks.pairs import Comparison
from benchmarks.result import GatewayResult
from benchmarks.tracking import Door, TrackingError
from deploys.topology import Machine, Topology
from secret_store import SecretStoreError

ROOT = Path(__file__).parents[2]
RESULT = GatewayResult(
    when="2026-11-21",
    machine="Linux on x86_64, 2 processors",
    versions={"ai-idp": "0123456789ab", "nginx": "1.26.3"},
    comparisons=(Comparison("`ssh HOST true`, at once", "past it", ((2.0, 1.0), (3.0, 1.0))),),
)
LOGIN = f"Basic {b64encode(b'admin:the password').decode()}"


class Mlflow(BaseHTTPRequestHandler):
    """Knows the experiment `old`, makes others, and keeps what it was told."""

    told: ClassVar[list[tuple[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.content())
        call = self.path.removeprefix("/mlflow/api/2.0/mlflow/")
        self.told.append((call, body))
        is_known = body.get("filter") == "name = 'old'"
        self.answer(
            {
                "experiments/search": {"experiments": [{"experiment_id": "4"}]} if is_known else {},
                "experiments/create": {"experiment_id": "7"},
                "runs/create": {
                    "run": {
                        "info": {
                            "run_id": "1a",
                            "artifact_uri": "mlflow-artifacts:/7/1a/artifacts",
                        }
                    }
                },
            }.get(call, {})
        )

    def do_PUT(self) -> None:
        self.told.append((self.path, self.content()))
        self.answer({})

    def content(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, said: object) -> None:
        content = json.dumps(said).encode()
        self.send_response(200 if self.headers["Authorization"] == LOGIN else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def told() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def port(told: list[tuple[str, Any]]) -> Generator[int]:
    handler = type("Handler", (Mlflow,), {"told": told})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "2026-11-21-gateway.json"
    path.write_text("{}")
    return path


def logged(port: int, saved: Path, name: str = "gateway", password: str = "the password") -> str:
    door = Door("127.0.0.1", "gateway.example.home.arpa", port, None, password)
    given = tracking.parameters(RESULT, ROOT / "lab" / "inventory.py")
    return tracking.log(door, name, given, tracking.metrics(RESULT), saved)


def test_a_run_has_parameters_metrics_and_the_file_and_is_finished(
    port: int, told: list[tuple[str, Any]], saved: Path
) -> None:
    assert logged(port, saved) == "1a"
    calls = dict(told)
    assert calls["runs/create"]["experiment_id"] == "7"
    assert calls["runs/create"]["run_name"] == "2026-11-21-gateway"
    batches = [body for call, body in told if call == "runs/log-batch"]
    (metric,) = batches[0]["metrics"]
    assert (metric["key"], metric["value"]) == ("ssh HOST true at once beside past it", 2.5)
    assert {pair["key"]: pair["value"] for pair in batches[1]["params"]} == {
        "commit": "0123456789ab",
        "inventory": "lab/inventory.py",
        "machine": "Linux on x86_64, 2 processors",
        "version nginx": "1.26.3",
    }
    file = "/mlflow/api/2.0/mlflow-artifacts/artifacts/7/1a/artifacts/2026-11-21-gateway.json"
    assert calls[file] == b"{}"
    assert told[-1][0] == "runs/update"
    assert told[-1][1]["status"] == "FINISHED"


def test_an_experiment_that_is_there_is_used(
    port: int, told: list[tuple[str, Any]], saved: Path
) -> None:
    logged(port, saved, name="old")
    assert dict(told)["runs/create"]["experiment_id"] == "4"
    assert "experiments/create" not in dict(told)


def test_a_refusal_is_told(port: int, saved: Path) -> None:
    with pytest.raises(TrackingError, match=r"^/mlflow/api/2.0/mlflow/experiments/search answers "):
        logged(port, saved, password="another")


def test_silence_is_told(saved: Path) -> None:
    with pytest.raises(TrackingError, match=r"^gateway\.example\.home\.arpa does not answer: "):
        logged(1, saved)


def test_without_mlflow_or_a_gateway_there_is_no_door() -> None:
    runs, door = (Machine(name, "192.0.2.1", (name,), {}, {}) for name in ("mlflow", "nginx"))
    assert tracking.door(Topology((runs,), ())) is None
    assert tracking.door(Topology((door,), ())) is None


def test_a_result_without_mlflow_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    monkeypatch.setattr(tracking, "door", lambda _: None)
    inventory = ROOT / "inventory.py"
    assert tracking.record("gateway", RESULT, saved, inventory) == (
        f"not logged: {inventory} has no MLflow behind a gateway; it is in {saved.name}"
    )


def test_a_result_that_was_not_taken_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    closed = Door("127.0.0.1", "gateway.example.home.arpa", 1, None, "")
    monkeypatch.setattr(tracking, "door", lambda _: closed)
    said = tracking.record("gateway", RESULT, saved, ROOT / "inventory.py")
    assert said.startswith(
        f"not logged, it is in {saved.name} alone: gateway.example.home.arpa does not answer: "
    )


def test_a_store_that_cannot_be_opened_costs_no_result(
    monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    def closed(_: Topology) -> Door:
        raise SecretStoreError("there is no secret store")

    monkeypatch.setattr(tracking, "door", closed)
    said = tracking.record("gateway", RESULT, saved, ROOT / "inventory.py")
    assert said == f"not logged, it is in {saved.name} alone: there is no secret store"
