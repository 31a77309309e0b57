"""MLflow in the lab: its password, an upgrade that is killed half-way, and one that is no good.

An upgrade is one of the database alone: it is replaced by that of a real older version, which costs
no second environment. `versioned-data` going back to an older version has its own tests.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

import inventory as production
import inventory_json
import secret_store
from deploys.mlflow import ADMIN_PASSWORD, DATA, PASSWORD_FILE, PROGRAM, TOOL, UNIT_FILE
from deploys.python_environment import PythonEnvironment
from group_data.backup import backup
from lab import network
from lab.checkout import ROOT, container_name
from lab.engine import docker
from lab.observer import observe
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.announced import differences
from tests.lab.conftest import INVENTORY, apply, changed, converge, plan, shell

HOST = "sclimers-mlflow"
OLD_DATABASE = Path(__file__).with_name("mlflow-3.16.1.sql")
OLD_VERSION, OLD_REVISION = "3.16.1", "b7e2c1a4d9f3"
OLD_RUN = "088ab1608a7b4e588dbff5d1d4ec6583"
PYTHON = f"{PROGRAM}/server/bin/python"
AUTH = f"{DATA}/auth.db"
RESTORED = (
    *("setting", "restore"),
    f"mlflow: python3 -B {TOOL} state; {PythonEnvironment(PROGRAM, 'server', b'').live}",
)
HALF_A_MIGRATION = f"""
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config

config = _get_alembic_config("sqlite:///{DATA}/mlflow.db")
versions = ScriptDirectory.from_config(config).iterate_revisions("heads", "{OLD_REVISION}")
with sqlalchemy.create_engine("sqlite:///{DATA}/mlflow.db").begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, [version.revision for version in versions][-1])
    connection.execute(
        sqlalchemy.text("UPDATE alembic_version SET version_num = '{OLD_REVISION}'")
    )
"""
"""Does the first migration, and leaves the mark of the one before, as a kill in between does."""


KILL_AMID = f"""
import sqlite3, subprocess, sys, time
from contextlib import closing

def tables():
    path = "file:{DATA}/mlflow.db?mode=ro"
    try:
        with closing(sqlite3.connect(path, uri=True, timeout=0)) as opened:
            count = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            return opened.execute(count).fetchone()[0]
    except sqlite3.OperationalError:
        return 0

deadline = time.monotonic() + 120
while tables() < 3:
    if time.monotonic() > deadline:
        sys.exit("no database was made")
    time.sleep(0.002)
subprocess.run(["systemctl", "kill", "--signal=KILL", "mlflow"], check=True)
print(tables())
"""
"""Ends MLflow while it makes its first database; says how many of its 65 tables there are."""


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds this host converged and leaves it so."""
    converge(HOST)


@pytest.fixture
def old_database() -> Generator[None]:
    """The data of an older version in the place of the host's own."""
    keep = f"systemctl stop mlflow && mkdir /root/kept && cp -a {DATA}/mlflow.db /root/kept"
    shell(HOST, f"{keep} && cp -a {DATA}/versions /root/kept && rm -rf {DATA}/versions/kept")
    load = (
        "import sqlite3, sys\n"
        f"sqlite3.connect('{DATA}/mlflow.db').executescript(sys.stdin.read())\n"
    )
    shell(HOST, f"rm {DATA}/mlflow.db && echo {OLD_VERSION} >{DATA}/versions/version")
    text = OLD_DATABASE.read_text()
    docker("exec", "-i", container_name(HOST), "python3", "-c", load, stdin=text)
    yield
    back = f"rm -r {DATA}/versions {DATA}/mlflow.db && cp -a /root/kept/. {DATA}/"
    shell(HOST, f"systemctl stop mlflow && {back} && rm -r /root/kept && systemctl start mlflow")


@pytest.fixture
def no_data() -> Generator[None]:
    """A host on which MLflow has not started yet."""
    shell(HOST, f"systemctl stop mlflow && mv {DATA} /root/data")
    yield
    back = f"rm -rf {DATA} && mv /root/data {DATA}"
    shell(HOST, f"systemctl stop mlflow && {back} && systemctl start mlflow")


def password(previous: bool = False) -> str:
    store = secret_store.for_data(inventory_json.read(ROOT / INVENTORY)[0].data)
    found = store.previous(ADMIN_PASSWORD) if previous else store.get(ADMIN_PASSWORD)
    assert found is not None
    return found.get_secret_value()


def asked(path: str, shown: str) -> tuple[int, str]:
    """Status and text of what MLflow answers whoever comes with this password of `admin`."""
    url = f"http://{network.read().hosts[HOST]}:5000/{path}"
    ask = f"curl --silent --write-out '\\n%{{http_code}}' --config - '{url}'"
    said = docker(
        *("exec", "-i", container_name(HOST), "sh", "-c", ask),
        stdin=f'user = "admin:{shown}"\n',
    )
    body, _, status = said.rpartition("\n")
    return int(status), body


def run_is_there() -> bool:
    status, body = asked(f"api/2.0/mlflow/runs/get?run_id={OLD_RUN}", password())
    return status == 200 and json.loads(body)["run"]["info"]["status"] == "FINISHED"


def kept() -> list[str]:
    return shell(HOST, f"ls {DATA}/versions/kept 2>/dev/null || :").split()


def test_the_password_follows_its_secret_also_after_a_backup_is_put_back() -> None:
    shell(HOST, f"cp -a {AUTH} /root/auth.db")
    store = secret_store.for_data(inventory_json.read(ROOT / INVENTORY)[0].data)
    store.rotate(ADMIN_PASSWORD)
    assert changed(plan(HOST)) == {HOST: {("file", "modify", PASSWORD_FILE)}}
    assert apply(HOST).returncode == 0
    assert asked("version", password(previous=True))[0] == 401
    assert asked("version", password())[0] == 200

    restore = f"mv /root/auth.db {AUTH}"
    shell(HOST, f"systemctl stop mlflow && {restore}")
    assert changed(plan(HOST)) == {HOST: {RESTORED, ("unit", "start", "mlflow.service")}}
    converge(HOST)
    assert asked("version", password())[0] == 200
    # n8n's login, the backup of the secrets, and what people's programs log in with.
    converge(backup.secret_store_on, *production.workstation)


@pytest.mark.usefixtures("old_database")
def test_a_start_migrates_older_data_also_after_one_that_was_killed_within_a_migration() -> None:
    version = shell(HOST, f"sed -n 's/^Description=MLflow \\(.*\\),.*/\\1/p' {UNIT_FILE}").strip()
    before = shell(HOST, f"sed -n 's/^ExecStartPre=\\(.* before .*\\)/\\1/p' {UNIT_FILE}").strip()
    assert f"--version {version} " in before
    shell(HOST, f"chown mlflow:mlflow {DATA}/mlflow.db; runuser -u mlflow -- {before}")
    docker("exec", "-i", container_name(HOST), PYTHON, "-W", "ignore", "-", stdin=HALF_A_MIGRATION)
    shell(HOST, "systemctl start mlflow")
    assert run_is_there()
    assert kept() == [OLD_VERSION]
    assert changed(plan(HOST)) == {}


def test_a_server_that_lets_nobody_in_is_not_left_in_force(tmp_path: Path) -> None:
    checkout = AlteredCheckout(tmp_path)
    checkout.replace(
        "templates/mlflow/basic_auth.ini.j2", "admin_username = admin", "admin_username ="
    )
    # A login that never works is waited for as long as a start may take.
    checkout.replace("files/mlflow/tracking_server.py", "START_SECONDS = 300", "START_SECONDS = 40")
    before = observe(HOST)
    run = checkout.apply(HOST, deploy="deploys.mlflow.install")
    assert run.returncode != 0
    assert "the previous state is back and answers" in run.stdout
    assert differences([], before, observe(HOST)) == []
    assert asked("version", password())[0] == 200


@pytest.mark.usefixtures("no_data")
def test_a_first_start_that_was_killed_amid_its_databases_is_made_good() -> None:
    shell(HOST, "systemctl start --no-block mlflow")
    half = docker("exec", "-i", container_name(HOST), "python3", "-", stdin=KILL_AMID)
    assert 3 <= int(half) < 60
    shell(HOST, "systemctl start mlflow")
    assert "there are no data again" in shell(HOST, "journalctl -u mlflow -n 200 -o cat")
    assert kept() == []
    converge(HOST)
    assert asked("version", password())[0] == 200
