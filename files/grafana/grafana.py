#!/usr/bin/python3
"""Grafana as its roll-out asks it, on its own host.

`validate STAGE`, `state` and `admin-password` need no server, `answers` and `probe` do.
Managed by ai-idp from files/grafana/grafana.py; changes here are lost.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Any

import yaml

ETC = "/etc/grafana"
DATABASE = "/var/lib/grafana/grafana.db"
ATTEMPTS, LOCK_SECONDS = 5, 300
"""Failed logins that lock a user, and for how long (Grafana, pkg/services/loginattempt)."""


class Refused(Exception):
    """What is wrong, for the person who rolls out."""


def main(arguments: list[str]) -> int:
    command, *rest = arguments
    try:
        if command == "validate":
            validate(Path(rest[0]))
        elif command == "state":
            print(state())
        elif command == "admin-password":
            return 0 if password_state() in ("as declared", "no database") else 1
        elif command == "answers":
            ask("api/health")
        else:
            probe()
    except Refused as refused:
        print(refused)
        return 1
    return 0


def validate(stage: Path) -> None:
    """Refuse a staged set that Grafana would not start with, or would serve in part."""
    read_ini(stage)
    for path in sorted((stage / ETC[1:]).rglob("*.yaml")):
        try:
            document = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            raise Refused(f"{path}: {error}") from error
        if not isinstance(document, dict) or document.get("apiVersion") != 1:
            raise Refused(f"{path} does not begin with `apiVersion: 1`")
    for path, board in dashboards(stage).items():
        if not board.get("uid") or not board.get("title"):
            raise Refused(f"{path} has no uid or no title")


def read_ini(stage: Path = Path("/")) -> ConfigParser:
    """grafana.ini; Refused where it is none, or names a file that is not there."""
    path = stage / ETC[1:] / "grafana.ini"
    ini = ConfigParser(interpolation=None, comment_prefixes=(";", "#"), strict=True)
    try:
        ini.read_string(path.read_text())
    except IniError as error:
        raise Refused(f"{path}: {error}") from error
    for section in ini.sections():
        for key, value in ini[section].items():
            if value.startswith("$__file{"):
                named = value.removeprefix("$__file{").removesuffix("}")
                if not (stage / named.lstrip("/")).is_file():
                    raise Refused(f"{path}: {key} is to be read from {named}, which is not there")
    return ini


def dashboards(root: Path = Path("/")) -> dict[Path, dict[str, Any]]:
    """The dashboards below `root` by file; Refused where one is no JSON."""
    found = {}
    for path in sorted((root / ETC[1:] / "dashboards").glob("*.json")):
        try:
            found[path] = json.loads(path.read_text())
        except ValueError as error:
            raise Refused(f"{path} is no JSON: {error}") from error
    return found


def state() -> str:
    """What lies in no file of the set: the same line as long as it is as it was rolled out."""
    return f"password of admin: {password_state()}"


def password_state() -> str:
    """Whether `admin` has the secret's password, as the database says; asks nobody.

    A login would be the plainer question, but five wrong ones lock the user.
    """
    if not Path(DATABASE).exists():
        return "no database"
    try:
        rows = query("SELECT password, salt FROM user WHERE login = 'admin'")
    except sqlite3.OperationalError as error:
        return f"unreadable ({error})"
    if rows and rows[0][0] == encoded(password(), rows[0][1]):
        return "as declared"
    return "another"


def encoded(plain: str, salt: str) -> str:
    """What Grafana keeps of a password (pkg/util, EncodePassword)."""
    return hashlib.pbkdf2_hmac("sha256", plain.encode(), salt.encode(), 10000, 50).hex()


def query(sql: str, *values: object) -> list[Any]:
    database = sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True, timeout=5)
    try:
        return database.execute(sql, values).fetchall()
    finally:
        database.close()


def password() -> str:
    return Path(f"{ETC}/secrets/admin-password").read_text().strip()


def probe() -> None:
    """Refused unless it answers, lets `admin` in, and serves what was provisioned."""
    if ask("api/health").get("database") != "ok":
        raise Refused("Grafana's database is not well")
    if locked():
        print("admin is locked out by somebody's failed logins; its password was compared instead")
        if password_state() != "as declared":
            raise Refused("the password of admin is not the declared one")
        return
    for path in sorted(Path(f"{ETC}/ai-idp/datasources").glob("*.yaml")):
        for source in yaml.safe_load(path.read_text())["datasources"] or []:
            ask(f"api/datasources/uid/{source['uid']}", login=True)
    for path, board in dashboards().items():
        served = ask(f"api/dashboards/uid/{board['uid']}", login=True)["dashboard"]
        # Of all else the server may make its own, newer form.
        if served.get("title") != board["title"]:
            raise Refused(f"Grafana does not serve {path} but an older one of the same uid")
    ask("api/user", login=True)


def locked() -> bool:
    since = time.time() - LOCK_SECONDS
    sql = "SELECT count(*) FROM login_attempt WHERE username = 'admin' AND created > ?"
    try:
        return bool(query(sql, since)[0][0] >= ATTEMPTS)
    except sqlite3.OperationalError:
        return False


def ask(path: str, login: bool = False) -> dict[str, Any]:
    """The JSON that Grafana answers with; Refused where it answers with an error, or not."""
    server = read_ini()["server"]
    address = server["http_addr"]
    name = f"[{address}]" if ":" in address else address
    request = urllib.request.Request(f"http://{name}:{server['http_port']}/grafana/{path}")
    if login:
        shown = base64.b64encode(f"admin:{password()}".encode()).decode()
        request.add_header("Authorization", f"Basic {shown}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            content: dict[str, Any] = json.load(answer)
            return content
    except urllib.error.HTTPError as error:
        raise Refused(f"/{path} answers {error.code}: {error.read(300).decode()}") from error
    except (OSError, ValueError) as error:
        raise Refused(f"/{path} does not answer: {error}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
