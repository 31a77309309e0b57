"""NGINX's keys and passwords: what clients have to show, in files of few readers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence

from deploys.nginx_upstreams import Upstream
from deploys.rendering import render
from operations.entries import File
from secret_store import SecretStore

USER = "admin"
KEYS = "/etc/nginx/keys"
PASSWORDS = "/etc/nginx/passwords"


def key_files(upstreams: Iterable[Upstream], store: SecretStore) -> list[File]:
    """For each role whose key the gateway checks itself, the map that knows it."""
    return [
        File(
            f"{KEYS}/{upstream.role}.conf",
            render("nginx/key.conf.j2", role=upstream.role, key=_value(store, name)),
            mode="0600",
            secret=True,
        )
        for upstream in upstreams
        if (name := upstream.route.bearer_secret)
    ]


def password_files(upstreams: Sequence[Upstream], store: SecretStore) -> list[File]:
    """For each role behind a password its hash, and the map that tells a wrong one from none."""
    named = {u.role: u.route.password_secret for u in upstreams if u.route.password_secret}
    shown = [_basic(_value(store, name)) for name in sorted(set(named.values()))]
    wrong = render("nginx/logins.conf.j2", passwords=[re.escape(value) for value in shown])
    return [
        File(f"{KEYS}/logins.conf", wrong, mode="0600", secret=True),
        *(
            File(
                f"{PASSWORDS}/{role}",
                f"{USER}:{_salted(_value(store, name), role)}\n".encode(),
                mode="0640",
                group="www-data",
                secret=True,
            )
            for role, name in named.items()
        ),
    ]


def _value(store: SecretStore, name: str) -> str:
    return store.get(name).get_secret_value()


def _basic(password: str) -> str:
    """What a browser sends after `Basic `."""
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def _salted(password: str, role: str) -> str:
    """NGINX's `{SSHA}`, with the role as salt: the same at every run.

    A slow hash would hold up a worker, and all streams through it, at every request of a page;
    of 256 random bits nobody finds out more through a fast one.
    """
    salt = role.encode()
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()
