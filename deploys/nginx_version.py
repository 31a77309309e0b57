"""NGINX's version, before it is installed too: its configuration depends on it."""

from __future__ import annotations

import re

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from facts.packages import PackagesState

FIRST_WITH_HTTP2_DIRECTIVE = (1, 25, 1)


def nginx_version() -> tuple[int, ...]:
    """The version that this host has or, where it has none, that apt will install."""
    found = host.get_fact(PackagesState, _stdin="nginx\n")
    text = {**found.will_install, **found.installed}.get("nginx", "") if found else ""
    # An unreadable package database has failed the host already; what is rendered goes nowhere.
    return parsed_version(text) if found else FIRST_WITH_HTTP2_DIRECTIVE


def parsed_version(text: str) -> tuple[int, ...]:
    """A Debian version's upstream numbers: `1.26.3-3+deb13u7` is (1, 26, 3)."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise DeployError(f"`{text}` is no version of nginx; see `apt-cache policy nginx`")
    return tuple(int(number) for number in match.groups())
