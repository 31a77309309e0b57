"""grafana.ini over the defaults, with `$__file{}` and `$__env{}` resolved."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from urllib.parse import urlsplit

HOME = Path("/usr/share/grafana")
DEFAULTS = {
    "paths": {
        "data": "data",
        "logs": "data/log",
        "plugins": "data/plugins",
        "provisioning": "conf/provisioning",
    },
    "server": {
        "http_addr": "",
        "http_port": "3000",
        "root_url": "http://localhost:3000/",
        "serve_from_sub_path": "false",
    },
    "security": {
        "admin_user": "admin",
        "admin_password": "admin",
        "secret_key": "SW2YcwTIb9zpOOhoPsMm",
        "cookie_secure": "false",
        "cookie_samesite": "lax",
        "disable_brute_force_login_protection": "false",
    },
    "auth.anonymous": {"enabled": "false"},
    "users": {"allow_sign_up": "false"},
    "metrics": {"enabled": "true"},
    "dashboards": {"default_home_dashboard_path": ""},
}
"""Of conf/defaults.ini, what this server knows."""
VARIABLE = re.compile(r"\$__(file|env)\{([^}]*)\}")


class RefusedError(Exception):
    """Why the real server would not start."""


class Configuration:
    """Values by section and key."""

    def __init__(self, ini: ConfigParser) -> None:
        self._ini = ini

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str] = ()) -> Configuration:
        """`overrides` are words as `cfg:default.paths.data=/var/lib/grafana`."""
        ini = ConfigParser(interpolation=None, comment_prefixes=(";", "#"), strict=False)
        ini.read_dict(DEFAULTS)
        for word in overrides:
            name, _, value = word.removeprefix("cfg:default.").partition("=")
            section, _, key = name.partition(".")
            ini[section][key] = value
        try:
            ini.read_string(path.read_text())
        except (OSError, IniError) as error:
            raise RefusedError(f"failed to parse {path}: {error}") from error
        for section in ini.sections():
            for key, value in ini[section].items():
                ini[section][key] = _expanded(value)
        return cls(ini)

    def __getitem__(self, name: tuple[str, str]) -> str:
        section, key = name
        return self._ini.get(section, key, fallback="")

    def on(self, section: str, key: str) -> bool:
        return self[section, key].lower() == "true"

    def path(self, key: str) -> Path:
        return HOME / self["paths", key]

    @property
    def sub_path(self) -> str:
        """`/grafana` of `https://…/grafana/`; empty where it serves from the root."""
        return urlsplit(self["server", "root_url"]).path.rstrip("/")


def _expanded(value: str) -> str:
    return VARIABLE.sub(lambda match: _variable(match[1], match[2]), value)


def _variable(kind: str, name: str) -> str:
    if kind == "env":
        return os.environ.get(name, "")
    try:
        return Path(name).read_text().strip()
    except OSError as error:
        raise RefusedError(
            f"failed to expand variables: open {name}: {str(error.strerror).lower()}"
        ) from error
