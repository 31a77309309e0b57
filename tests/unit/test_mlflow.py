"""MLflow: what its files say, and what its tool finds and refuses."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import threading
from base64 import b64encode
from collections.abc import Generator
from configparser import ConfigParser
from hashlib import pbkdf2_hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploys.declarations import DiskClaim, MemoryClaim, Route
from deploys.mlflow import (
    ADMIN_PASSWORD,
    REQUIREMENTS,
    Mlflow,
    configuration,
    password_file,
    steps,
    version,
)
from deploys.nginx import Nginx
from deploys.python_environment import PythonEnvironment
from deploys.topology import Machine, Topology
from files.mlflow import tracking_server as tool
from operations.entries import File
from secret_store import SecretStore

ENVIRONMENT = PythonEnvironment("/opt/ai-idp/mlflow", "server", b"mlflow==3.1.4 \\\n")
PROGRAM = f"{ENVIRONMENT.folder}/bin/mlflow"
DATA = {"domain": "example.home.arpa"}
OWN = Machine("runs", "192.0.2.7", ("mlflow",), {}, DATA)
DOOR = Machine("door", "192.0.2.9", ("nginx",), {"nginx": Nginx()}, DATA)


def texts(*others: Machine, settings: Mlflow | None = None) -> dict[str, str]:
    topology = Topology((OWN, *others), ())
    entries = configuration(settings or Mlflow(), topology, OWN, ENVIRONMENT)
    return {entry.path: entry.content.decode() for entry in entries if isinstance(entry, File)}


def variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in shlex.split(text, comments=True))


def unit(settings: Mlflow | None = None) -> str:
    return texts(settings=settings)["/etc/systemd/system/mlflow.service"]


def test_what_it_declares() -> None:
    settings = Mlflow(port=5001, memory_limit_mib=800, disk_gib=3)
    (port,) = settings.ports()
    assert (port.number, port.purpose) == (5001, "runs and artifacts")
    assert {"nginx", "prometheus"} <= set(port.reachable_from)
    assert settings.route() == Route(5001, "MLflow", health="/health", page="/mlflow/")
    assert settings.secrets() == (ADMIN_PASSWORD,)
    assert settings.memory(OWN) == (MemoryClaim(800),)
    assert settings.disk(OWN) == (DiskClaim("/var/lib/mlflow", 3 * 2**30),)


def test_it_is_asked_under_its_address_and_the_names_of_the_gateway_only() -> None:
    alone, behind = (variables(texts(*there)["/etc/mlflow/environment"]) for there in ((), (DOOR,)))
    assert alone["MLFLOW_SERVER_ALLOWED_HOSTS"] == "192.0.2.7:5000"
    assert alone["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "http://192.0.2.7:5000"
    assert behind["MLFLOW_SERVER_ALLOWED_HOSTS"] == "door.example.home.arpa,192.0.2.7:5000"
    assert behind["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "https://door.example.home.arpa"


def test_it_listens_on_the_address_of_the_host_and_tells_nobody_of_itself() -> None:
    found = variables(texts(settings=Mlflow(port=5001))["/etc/mlflow/environment"])
    assert (found["MLFLOW_HOST"], found["MLFLOW_PORT"]) == ("192.0.2.7", "5001")
    assert found["MLFLOW_WORKERS"] == "1"
    assert found["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert found["MLFLOW_DISABLE_TELEMETRY"] == found["DO_NOT_TRACK"] == "true"


def test_the_login_is_read_by_mlflow_as_written() -> None:
    ini = ConfigParser()
    ini.read_string(texts()["/etc/mlflow/basic_auth.ini"])
    assert dict(ini["mlflow"]) == {
        "database_uri": "sqlite:////var/lib/mlflow/auth.db",
        "admin_username": "admin",
        "default_permission": "READ",
        "auth_cache_ttl_seconds": "60",
    }


def test_a_start_keeps_the_data_migrates_serves_and_asks_in_this_order() -> None:
    lines = [line for line in unit().splitlines() if line.startswith("ExecStart")]
    keeper = "/usr/local/lib/ai-idp/versioned-data"
    tool_path = "/usr/local/lib/ai-idp/tracking_server.py"
    database = "/var/lib/mlflow/mlflow.db"
    assert lines == [
        "ExecStartPre=+/bin/chown -hR mlflow:mlflow /var/lib/mlflow",
        f"ExecStartPre={keeper} before --start-over --version 3.1.4 "
        f"--state /var/lib/mlflow/versions --database {database} "
        "--database /var/lib/mlflow/auth.db",
        f"ExecStartPre=/bin/sh -c '[ ! -e {database} ] || "
        f"exec {PROGRAM} db upgrade sqlite:///{database}'",
        f"ExecStart=/usr/bin/python3 -B {tool_path} serve {PROGRAM}",
        f"ExecStartPost=+/usr/bin/python3 -B {tool_path} ready",
        f"ExecStartPost={keeper} healthy --version 3.1.4 --state /var/lib/mlflow/versions",
    ]


def test_the_unit_holds_the_limit_of_memory() -> None:
    assert "\nMemoryMax=800M\n" in unit(Mlflow(memory_limit_mib=800))


def test_the_password_is_for_the_roll_out_alone(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.put(ADMIN_PASSWORD, "a password")
    file = password_file(store)
    assert (file.mode, file.owner, file.secret) == ("0600", "root", True)
    assert file.content == b"a password\n"


def test_the_server_starts_with_a_password_that_nobody_knows() -> None:
    first, second = tool.made_up(), tool.made_up()
    assert set(first) == {"MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"}
    assert len({*first.values(), *second.values()}) == 4


def test_the_version_is_that_of_the_lock() -> None:
    assert version(b"flask==3.1.3\nmlflow==3.17.2 \\\n") == "3.17.2"
    assert version(REQUIREMENTS.read_bytes()).startswith("3.")


def test_a_lock_without_the_server_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the lock pins no version of mlflow; make it anew with"):
        version(b"mlflow-skinny==3.17.2 \\\n")


def test_another_lock_is_another_environment() -> None:
    other = PythonEnvironment("/opt/ai-idp/mlflow", "server", b"mlflow==3.1.5 \\\n")
    assert other.folder != ENVIRONMENT.folder
    assert other.link == ENVIRONMENT.link == "/opt/ai-idp/mlflow/server"


def test_nothing_is_installed_that_the_lock_does_not_name() -> None:
    (install,) = (part for part in ENVIRONMENT.preparation().split("\n    ") if " install" in part)
    words = ENVIRONMENT.preparation().replace("\\\n", "").split()
    assert install
    assert {"--require-hashes", "--only-binary", "--no-deps"} <= set(words)


def test_an_environment_is_on_the_disk_before_it_counts_as_complete(tmp_path: Path) -> None:
    environment = PythonEnvironment(str(tmp_path / "opt"), "server", b"mlflow==3.1.4")
    tools, log = tmp_path / "bin", tmp_path / "synchronised"
    tools.mkdir()
    make = 'mkdir -p "$3/bin" && cp /bin/true "$3/bin/python"'
    for name, does in {"python3": make, "sync": f'echo "$*: $(ls "$2")" >>{log}'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    path = {"PATH": f"{tools}:/usr/bin:/bin", "STAGE": str(tmp_path)}
    subprocess.run(["sh", "-eu", "-c", environment.preparation()], env=path, check=True)
    assert log.read_text() == f"-f {environment.folder}: bin\n"
    assert Path(environment.folder, "complete").read_text() == f"{environment.name}\n"


def test_the_password_is_set_while_the_server_is_down() -> None:
    words = [line.split()[:2] for line in steps(ENVIRONMENT).activate.splitlines()]
    order = [word for word in words if word[0] in ("systemctl", "python3")]
    stop, start = order.index(["systemctl", "stop"]), order.index(["systemctl", "start"])
    assert order[stop + 1][0] == "python3"
    assert order[start + 1] == order[stop + 1]
    assert stop + 1 < start


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "admin-password").write_text("the declared one\n")
    monkeypatch.setattr(tool, "ETC", etc)
    monkeypatch.setattr(tool, "DATA", tmp_path)
    return tmp_path


def users(data: Path, **hashes: str) -> None:
    database = sqlite3.connect(data / "auth.db")
    database.execute("CREATE TABLE users (username TEXT, password_hash TEXT)")
    database.executemany("INSERT INTO users VALUES (?, ?)", hashes.items())
    database.commit()
    database.close()


def hashed(plain: str) -> str:
    return f"scrypt:32768:8:1$salt${tool.scrypt(plain, 'salt', 32768, 8, 1)}"


def test_the_state_of_the_password_asks_the_database(data: Path) -> None:
    assert tool.password_state() == "no database"
    users(data, admin=hashed("another one"), colleague=hashed("the declared one"))
    assert tool.password_state() == "another"


def test_the_password_is_set_for_admin_alone(data: Path) -> None:
    users(data, admin=hashed("another one"), colleague=hashed("their own"))
    assert tool.main(["set-password"]) == 0
    assert tool.password_state() == "as declared"
    rows = dict(sqlite3.connect(data / "auth.db").execute("SELECT * FROM users").fetchall())
    assert tool.is_hash_of("their own", rows["colleague"])
    assert not tool.is_hash_of("another one", rows["admin"])


def test_a_password_that_is_right_is_left_alone(data: Path) -> None:
    users(data, admin=hashed("the declared one"))
    before = (data / "auth.db").read_bytes()
    assert tool.main(["set-password"]) == 0
    assert (data / "auth.db").read_bytes() == before


def test_a_user_that_is_missing_is_left_to_the_server(data: Path) -> None:
    users(data, colleague=hashed("their own"))
    assert tool.main(["set-password"]) == 0
    assert tool.password_state() == "missing"


def test_a_database_without_the_table_is_unreadable_and_not_another(data: Path) -> None:
    sqlite3.connect(data / "auth.db").close()
    assert tool.password_state() == "unreadable (no such table: users)"


def test_hashes_of_other_methods() -> None:
    made = pbkdf2_hmac("sha256", b"plain", b"salt", 1000).hex()
    assert tool.is_hash_of("plain", f"pbkdf2:sha256:1000$salt${made}")
    assert not tool.is_hash_of("other", f"pbkdf2:sha256:1000$salt${made}")
    assert not tool.is_hash_of("plain", "plain$$plain")


class SampleServer(BaseHTTPRequestHandler):
    """Lets `admin` in with the declared password, as MLflow does; knows one run."""

    version = "3.1.4"
    open_to_all = False

    def do_GET(self) -> None:
        self.answer(b"OK" if self.path == "/health" else self.version.encode())

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = json.loads(content).get("filter", "")
        runs = [{"info": {"run_id": "1a"}}] if wanted == "run_id = '1a'" else []
        self.answer(json.dumps({"runs": runs}).encode())

    def answer(self, content: bytes) -> None:
        login = b64encode(b"admin:the declared one").decode()
        is_known = self.open_to_all or self.headers["Authorization"] == f"Basic {login}"
        self.send_response(200 if is_known or self.path == "/health" else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def served(data: Path) -> Generator[type[SampleServer]]:
    handler = type("Handler", (SampleServer,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        port = server.server_address[1]
        (data / "etc" / "environment").write_text(f"MLFLOW_HOST=127.0.0.1\nMLFLOW_PORT={port}\n")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def unit_file(tmp_path: Path) -> str:
    path = tmp_path / "mlflow.service"
    path.write_text(unit())
    return str(path)


def test_a_server_that_lets_admin_in_and_nobody_else_is_well(
    served: type[SampleServer], unit_file: str
) -> None:
    assert tool.main(["probe", unit_file]) == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("version", "3.1.5", "3.1.5 runs, not the version of "),
        ("open_to_all", True, "it answers without a login"),
    ],
)
def test_a_server_that_is_another_than_declared_is_refused(
    served: type[SampleServer],
    unit_file: str,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: object,
    message: str,
) -> None:
    setattr(served, name, value)
    assert tool.main(["probe", unit_file]) == 1
    assert capsys.readouterr().out.startswith(message)


def test_a_server_that_lets_nobody_in_is_not_ready(
    served: type[SampleServer], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users(data, admin=hashed("a new one"))
    (data / "etc" / "admin-password").write_text("a new one\n")
    assert tool.main(["ready"]) == 1
    assert capsys.readouterr().out.startswith("/api/2.0/mlflow/runs/search answers 401")


def test_a_start_by_hand_with_the_password_of_a_backup_is_ready(
    served: type[SampleServer], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users(data, admin=hashed("an old one"))
    assert tool.main(["ready"]) == 0
    assert capsys.readouterr().out == (
        "the password of admin is not the declared one; nobody logged in\n"
    )


def runs(data: Path, *ids: str) -> None:
    database = sqlite3.connect(data / "mlflow.db")
    columns = "run_uuid TEXT, experiment_id INT, lifecycle_stage TEXT, start_time INT"
    database.execute(f"CREATE TABLE runs ({columns})")
    database.executemany(
        "INSERT INTO runs VALUES (?, 0, 'active', ?)", [(key, n) for n, key in enumerate(ids)]
    )
    database.commit()
    database.close()


def test_the_drill_finds_the_newest_run(served: type[SampleServer], data: Path) -> None:
    runs(data, "0b", "1a")
    assert tool.use_runs(tool.running()) == "2 runs, the newest is found"


def test_the_drill_refuses_a_server_that_lost_a_run(served: type[SampleServer], data: Path) -> None:
    runs(data, "1a", "2c")
    with pytest.raises(tool.Refused, match=r"^the server does not find the run 2c, which the dat"):
        tool.use_runs(tool.running())


def test_the_drill_says_when_nothing_was_logged_yet(served: type[SampleServer], data: Path) -> None:
    runs(data)
    assert tool.use_runs(tool.running()) == "no run was logged so far"
    assert tool.use_artifacts(tool.running()) == "no artifact was logged so far"


def test_the_drill_compares_the_newest_artifact(served: type[SampleServer], data: Path) -> None:
    artifact = data / "artifacts" / "1" / "a b.txt"
    artifact.parent.mkdir(parents=True)
    artifact.write_text(SampleServer.version)
    assert tool.use_artifacts(tool.running()) == "1 artifacts, the newest is read"
    artifact.write_text("another")
    with pytest.raises(tool.Refused, match="as it was restored"):
        tool.use_artifacts(tool.running())


def test_the_drill_sees_restored_data_only_and_no_network() -> None:
    (backup,) = Mlflow().backups(OWN)
    assert backup.databases == ("/var/lib/mlflow/mlflow.db", "/var/lib/mlflow/auth.db")
    assert backup.paths == ("/var/lib/mlflow",)
    assert backup.units == ("mlflow",)
    assert '"BindPaths=$RESTORED/var/lib/mlflow:/var/lib/mlflow"' in backup.drill
    assert "PrivateNetwork=yes" in backup.drill


def test_people_upload_what_is_large_past_the_gateway_s_disk() -> None:
    path = Path(__file__).parents[2] / "templates" / "nginx" / "routes" / "mlflow.conf.j2"
    text = path.read_text()
    assert "client_max_body_size 0;" in text
    assert "proxy_request_buffering off;" in text
    assert "proxy_pass http://mlflow/;" in text
