"""grafana.db: users, failed logins, sessions, data sources and dashboards, in the real tables."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from typing import Any

from .configuration import Configuration, RefusedError

ATTEMPTS, LOCK_SECONDS = 5, 300
SCHEMA = """
CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, login TEXT UNIQUE, password TEXT,
    salt TEXT, is_admin INTEGER);
CREATE TABLE IF NOT EXISTS login_attempt (id INTEGER PRIMARY KEY, username TEXT, created INTEGER);
CREATE TABLE IF NOT EXISTS user_auth_token (auth_token TEXT PRIMARY KEY, user_id INTEGER);
CREATE TABLE IF NOT EXISTS data_source (uid TEXT PRIMARY KEY, name TEXT UNIQUE, type TEXT,
    url TEXT, is_default INTEGER, read_only INTEGER);
CREATE TABLE IF NOT EXISTS dashboard (uid TEXT PRIMARY KEY, title TEXT, data TEXT, version INTEGER,
    external_id TEXT);
"""


class Database:
    """One connection, one statement at a time."""

    def __init__(self, settings: Configuration) -> None:
        path = settings.path("data") / "grafana.db"
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
            self._connection.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise RefusedError(f"failed to connect to database {path}: {error}") from error
        self._lock = threading.Lock()
        self._protected = not settings.on("security", "disable_brute_force_login_protection")

    def run(self, sql: str, *values: object) -> list[Any]:
        with self._lock, self._connection:
            return self._connection.execute(sql, values).fetchall()

    def make_admin(self, login: str, password: str) -> None:
        """Only in a database without any user: later changes of the ini do not matter."""
        if not self.run("SELECT 1 FROM user"):
            salt = secrets.token_hex(5)
            self.run(
                "INSERT INTO user (login, password, salt, is_admin) VALUES (?, ?, ?, 1)",
                *(login, encoded(password, salt), salt),
            )

    def set_password(self, user: int, password: str) -> None:
        rows = self.run("SELECT salt, is_admin FROM user WHERE id = ?", user)
        if not rows:
            raise RefusedError("could not read user from database. Error: user not found")
        if not rows[0][1]:
            raise RefusedError(
                "reset-admin-password can only be used to reset an admin user account"
            )
        value = encoded(password, rows[0][0])
        self.run("UPDATE user SET password = ? WHERE id = ?", value, user)

    def accepts(self, login: str, password: str) -> bool:
        """A locked user is refused whatever is shown; a login forgets the failures before it."""
        since = time.time() - LOCK_SECONDS
        failed = "SELECT count(*) FROM login_attempt WHERE username = ? AND created > ?"
        if self._protected and self.run(failed, login, since)[0][0] >= ATTEMPTS:
            return False
        rows = self.run("SELECT password, salt FROM user WHERE login = ?", login)
        if rows and secrets.compare_digest(rows[0][0], encoded(password, rows[0][1])):
            self.run("DELETE FROM login_attempt WHERE username = ?", login)
            return True
        sql = "INSERT INTO login_attempt (username, created) VALUES (?, ?)"
        self.run(sql, login, int(time.time()))
        return False

    def open_session(self) -> str:
        token = secrets.token_hex(16)
        self.run("INSERT INTO user_auth_token VALUES (?, 1)", token)
        return token

    def has_session(self, token: str) -> bool:
        return bool(self.run("SELECT 1 FROM user_auth_token WHERE auth_token = ?", token))

    def dashboards(self) -> list[dict[str, Any]]:
        rows = self.run("SELECT data, version, external_id FROM dashboard ORDER BY title")
        return [{"data": json.loads(row[0]), "version": row[1], "file": row[2]} for row in rows]


def encoded(password: str, salt: str) -> str:
    """pkg/util, EncodePassword."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 10000, 50).hex()
