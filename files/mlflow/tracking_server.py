#!/usr/bin/python3
"""MLflow as its roll-out asks it, on its own host.

`serve PROGRAM` becomes the server; `state` and `set-password` need none; `ready` and
`probe UNIT_FILE` ask the one that runs; `drill PROGRAM` starts one over data that lie in the place
of the live ones, and uses them.
Managed by ai-idp from files/mlflow/tracking_server.py; changes here are lost.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import shlex
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

ETC = Path("/etc/mlflow")
DATA = Path("/var/lib/mlflow")
START_SECONDS = 300
SCRYPT_MEMORY = 132 * 2**20
SERVER = ("server", "--app-name", "basic-auth")
LOOPBACK = ("127.0.0.1", 5000)
RUNS = "api/2.0/mlflow/runs/search"


class Refused(Exception):
    """What is wrong, for the person who rolls out."""


class Server:
    """An MLflow at an address, asked as `admin` with a password, or without a login."""

    def __init__(self, host: str, port: int, password: str | None) -> None:
        name = f"[{host}]" if ":" in host else host
        self.url, self.password = f"http://{name}:{port}", password
        # No proxy of the environment may see the password.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, body: Any = None) -> bytes:
        """What it answers; Refused where that is an error, or nothing."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", content)
        request.add_header("Content-Type", "application/json")
        if self.password is not None:
            login = base64.b64encode(f"admin:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        try:
            with self.opener.open(request, timeout=30) as answer:
                said: bytes = answer.read()
                return said
        except urllib.error.HTTPError as error:
            raise Refused(f"/{path} answers {error.code}: {error.read(300).decode()}") from error
        except OSError as error:
            raise Refused(f"/{path} does not answer: {error}") from error

    def wait(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.ask("health")
                return
            except Refused as refused:
                if time.monotonic() > deadline:
                    raise Refused(f"no answer after {seconds:.0f} s; {refused}") from refused
            time.sleep(0.2)


def variables() -> dict[str, str]:
    """The variables of the unit's environment file."""
    lines = shlex.split((ETC / "environment").read_text(), comments=True)
    return dict(line.split("=", 1) for line in lines)


def password() -> str:
    return (ETC / "admin-password").read_text().strip()


def made_up() -> dict[str, str]:
    """What MLflow wants in its environment, and nobody else needs to know.

    A new database gets the password, which is replaced at once; an old one keeps its own. The key
    signs forms until the next start.
    """
    return {
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_hex(32),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def serve(program: str) -> None:
    os.execve(program, [program, *SERVER], {**os.environ, **made_up()})


def password_state() -> str:
    """Whether `admin` has the secret's password, as the database says; asks nobody."""
    database = DATA / "auth.db"
    if not database.exists():
        return "no database"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as opened:
            rows = opened.execute("SELECT password_hash FROM users WHERE username = 'admin'")
            found = rows.fetchone()
    except sqlite3.OperationalError as error:
        return f"unreadable ({error})"
    if found is None:
        return "missing"
    return "as declared" if is_hash_of(password(), found[0]) else "another"


def is_hash_of(plain: str, kept: str) -> bool:
    """Whether a hash as MLflow keeps it (werkzeug.security) is of this password."""
    method, salt, value = kept.split("$", 2)
    name, *numbers = method.split(":")
    if name == "scrypt":
        made = scrypt(plain, salt, *map(int, numbers))
    elif name == "pbkdf2":
        rounds = int(numbers[1])
        made = hashlib.pbkdf2_hmac(numbers[0], plain.encode(), salt.encode(), rounds).hex()
    else:
        return False
    return hmac.compare_digest(made, value)


def scrypt(plain: str, salt: str, n: int, r: int, p: int) -> str:
    made = hashlib.scrypt(
        plain.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=SCRYPT_MEMORY * p
    )
    return made.hex()


def set_password(plain: str) -> None:
    """Give `admin` this password; nothing else may write to the database meanwhile."""
    salt = secrets.token_hex(8)
    kept = f"scrypt:32768:8:1${salt}${scrypt(plain, salt, 32768, 8, 1)}"
    with closing(sqlite3.connect(DATA / "auth.db", timeout=30)) as opened, opened:
        opened.execute("UPDATE users SET password_hash = ? WHERE username = 'admin'", (kept,))


def running(logged_in: bool = True) -> Server:
    """The server that the environment file is for."""
    there = variables()
    return Server(
        there["MLFLOW_HOST"], int(there["MLFLOW_PORT"]), password() if logged_in else None
    )


def ready() -> None:
    """Wait for the first answer; then refuse a server that lets nobody in."""
    server = running()
    server.wait()
    if password_state() == "as declared":
        server.ask(RUNS, {"experiment_ids": ["0"], "max_results": 1})
    else:
        print("the password of admin is not the declared one; nobody logged in")


def probe(unit_file: Path) -> None:
    """Refused unless the unit's version answers those who log in, and nobody else."""
    wanted = re.search(r"^Description=MLflow (\S+),", unit_file.read_text(), re.MULTILINE)
    server = running()
    version = server.ask("version").decode()
    if wanted is None or version != wanted[1]:
        raise Refused(f"{version} runs, not the version of {unit_file}")
    server.ask(RUNS, {"experiment_ids": ["0"], "max_results": 1})
    try:
        running(logged_in=False).ask(RUNS, {"experiment_ids": ["0"], "max_results": 1})
    except Refused as refused:
        if "answers 401" not in str(refused):
            raise
    else:
        raise Refused("it answers without a login")


def drill(program: str) -> None:
    """Serve the data that lie in the place of the live ones, and use them as people do."""
    os.chdir(DATA)
    given = secrets.token_hex(16)
    set_password(given)
    database = f"sqlite:///{DATA}/mlflow.db"
    subprocess.run([program, "db", "upgrade", database], check=True, stderr=subprocess.DEVNULL)
    host, port = LOOPBACK
    environment = {
        **os.environ,
        "MLFLOW_HOST": host,
        "MLFLOW_PORT": str(port),
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{host}:{port}",
        **made_up(),
    }
    with subprocess.Popen(
        [program, *SERVER], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            server = Server(host, port, given)
            server.wait()
            print(f"{use_runs(server)}, {use_artifacts(server)}")
        finally:
            process.terminate()


def use_runs(server: Server) -> str:
    """Find the newest run that the database holds; says how many there are."""
    with closing(sqlite3.connect(f"file:{DATA}/mlflow.db?mode=ro", uri=True)) as opened:
        sql = "SELECT run_uuid, experiment_id FROM runs WHERE lifecycle_stage = 'active'"
        runs = opened.execute(f"{sql} ORDER BY start_time DESC").fetchall()
    if not runs:
        return "no run was logged so far"
    newest, experiment = runs[0]
    wanted = {"experiment_ids": [str(experiment)], "filter": f"run_id = '{newest}'"}
    found = json.loads(server.ask(RUNS, wanted)).get("runs", [])
    if [run["info"]["run_id"] for run in found] != [newest]:
        raise Refused(f"the server does not find the run {newest}, which the database holds")
    return f"{len(runs)} runs, the newest is found"


def use_artifacts(server: Server) -> str:
    """Fetch the newest artifact through the server; says how many there are."""
    folder = DATA / "artifacts"
    there = [path for path in folder.rglob("*") if path.is_file()]
    if not there:
        return "no artifact was logged so far"
    newest = max(there, key=lambda path: path.stat().st_mtime)
    path = urllib.parse.quote(str(newest.relative_to(folder)))
    if server.ask(f"api/2.0/mlflow-artifacts/artifacts/{path}") != newest.read_bytes():
        raise Refused(f"the server does not give {newest} as it was restored")
    return f"{len(there)} artifacts, the newest is read"


def main(arguments: list[str]) -> int:
    command, *rest = arguments
    try:
        if command == "serve":
            serve(rest[0])
        elif command == "state":
            print(f"password of admin: {password_state()}")
        elif command == "set-password":
            if password_state() == "another":
                set_password(password())
        elif command == "ready":
            ready()
        elif command == "probe":
            probe(Path(rest[0]))
        else:
            drill(rest[0])
    except Refused as refused:
        print(refused)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
