"""The store's directory: `<name>.age` for each secret, and `store.json` that says whose it is.

store.json holds two public things: the id of this roll-out, which hosts carry as their mark, and
the age recipient, so that a wrong identity is noticed before it writes or reads anything.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

import atomic_file
from secret_store import identity as identities
from secret_store.identity import Identity, SecretStoreError

ROOT = Path(__file__).parent.parent
_PART = r"[a-z0-9][a-z0-9_.-]*(?<!\.age)(?<!\.previous)"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
_GENERATED = re.compile(r"[0-9a-f]{64}")


class Data(Protocol):
    """The data of a host: pyinfra's `host.data`, or a plain dictionary of the same keys."""

    def get(self, key: str, default: Any = None, /) -> Any: ...


class SecretStore:
    """Secrets in `directory`, opened by the age identity in the file `identity`.

    Nothing is touched until the first use. `ensure`, `put` and `rotate` make store and identity
    where neither exists; a store whose identity is missing or wrong is never written.
    """

    def __init__(self, directory: Path, identity: Path) -> None:
        self.directory = directory
        self.identity = identity

    @property
    def rollout_id(self) -> str:
        """The random id made with this store; not secret. Hosts carry it as their mark."""
        return self._description()["rollout_id"]

    def exists(self) -> bool:
        return (self.directory / "store.json").exists()

    def names(self) -> list[str]:
        """Every secret of the store, sorted."""
        files = (path.relative_to(self.directory) for path in self.directory.rglob("*.age"))
        names = (str(file).removesuffix(".age") for file in files)
        return sorted(name for name in names if not name.endswith(".previous"))

    def get(self, name: str) -> SecretStr:
        """The value of `name`; SecretStoreError with the close matches where there is none."""
        path = self._path(name)
        opened = self._opened()
        if not path.exists():
            near = get_close_matches(name, self.names())
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise SecretStoreError(f"{self.directory} has no secret `{name}`{hint}")
        return SecretStr(opened.decrypt(path))

    def previous(self, name: str) -> SecretStr | None:
        """The value of `name` before its last rotation, None where it was never rotated."""
        path = self._previous_path(name)
        return SecretStr(self._opened().decrypt(path)) if path.exists() else None

    def ensure(self, names: Iterable[str]) -> list[str]:
        """Generate (256 bit) those of `names` that are missing; returns the newly made ones."""
        wanted = {name: self._path(name) for name in names}
        with atomic_file.locked(self.directory):
            opened = self._opened_or_made()
            missing = [name for name, path in wanted.items() if not path.exists()]
            for name in missing:
                self._write(wanted[name], opened.encrypt(secrets.token_hex(32)))
        return missing

    def put(self, name: str, value: str) -> None:
        """Take in a value from outside; a secret that has another value already is refused."""
        path = self._path(name)
        with atomic_file.locked(self.directory):
            opened = self._opened_or_made()
            if not path.exists():
                self._write(path, opened.encrypt(value))
            elif opened.decrypt(path) != value:
                raise SecretStoreError(f"`{name}` has another value already; rotate it instead")

    def rotate(self, name: str, value: str | None = None) -> SecretStr:
        """Give `name` a new value (generated, or `value`) and keep the old one as the previous.

        The previous value serves until the next rotation: a service that keeps its password in a
        database is told the new one with it, and `verify` shows that it opens nothing any more.
        """
        current = self.get(name).get_secret_value()
        if value is None and not _GENERATED.fullmatch(current):
            raise SecretStoreError(
                f"`{name}` was not generated here, so no new value can be; pass the new value"
            )
        new = secrets.token_hex(32) if value is None else value
        self._replace(name, new, previous=current)
        return SecretStr(new)

    def undo_rotation(self, name: str) -> SecretStr:
        """Swap the value of `name` with its previous one."""
        current, previous = self.get(name), self.previous(name)
        if previous is None:
            raise SecretStoreError(f"`{name}` was never rotated; there is nothing to go back to")
        self._replace(name, previous.get_secret_value(), previous=current.get_secret_value())
        return previous

    def _replace(self, name: str, value: str, previous: str) -> None:
        path = self._path(name)
        with atomic_file.locked(self.directory):
            opened = self._opened()
            if opened.decrypt(path) != previous:
                raise SecretStoreError(f"`{name}` was changed by another command meanwhile")
            # First the copy, then the change: a crash between the two loses nothing.
            atomic_file.write(self._previous_path(name), opened.encrypt(previous))
            atomic_file.write(path, opened.encrypt(value))

    def _write(self, path: Path, content: bytes) -> None:
        atomic_file.make_private_directory(path.parent)
        atomic_file.write_new(path, content)

    def _opened_or_made(self) -> Identity:
        if not self.exists() and not self.names():
            made = identities.read_or_make(self.identity)
            description = {"recipient": made.recipients()[0], "rollout_id": secrets.token_hex(16)}
            text = json.dumps(description, indent=2) + "\n"
            atomic_file.write_new(self.directory / "store.json", text.encode())
        return self._opened()

    def _opened(self) -> Identity:
        recipient = self._description()["recipient"]
        if not self.identity.exists():
            raise SecretStoreError(
                f"{self.directory} holds secrets, but the identity {self.identity} that opens "
                "them is missing; restore that file from your backup. Without it the secrets "
                f"are lost: to begin anew, move {self.directory} away, remove "
                "/var/lib/ai-idp/rollout on every host, and apply"
            )
        identity = identities.read(self.identity)
        if recipient not in identity.recipients():
            raise SecretStoreError(
                f"{self.identity} is not the identity that {self.directory} was made with "
                f"({recipient}); restore the right one from your backup or correct "
                "`secret_identity` in group_data/all.py"
            )
        return identity

    def _description(self) -> dict[str, str]:
        path = self.directory / "store.json"
        try:
            description: dict[str, str] = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            if self.names():
                raise SecretStoreError(
                    f"{self.directory} holds secrets but no store.json; restore the whole "
                    "directory from your backup"
                ) from error
            raise SecretStoreError(
                f"there is no secret store in {self.directory} yet; `make plan` makes it. "
                "If hosts were deployed before, restore it from your backup instead"
            ) from error
        except ValueError as error:
            raise SecretStoreError(f"{path} is damaged; restore it from your backup") from error
        return description

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SecretStoreError(
                f"`{name}` cannot name a secret; use lower-case letters, digits, `_`, `.` and `-` "
                "in parts divided by `/`, such as llama_cpp/api-key"
            )
        return self.directory / f"{name}.age"

    def _previous_path(self, name: str) -> Path:
        return self._path(name).with_name(f"{name.rpartition('/')[2]}.previous.age")


@cache
def _store(directory: Path, identity: Path) -> SecretStore:
    return SecretStore(directory, identity)


def for_data(data: Data) -> SecretStore:
    """The store that a host's data name; relative paths start at the root of this checkout."""
    paths = []
    for key in ("secret_store", "secret_identity"):
        value = data.get(key)
        if not isinstance(value, str):
            raise SecretStoreError(f"the data lack `{key}`; set it in group_data/all.py")
        paths.append(ROOT / Path(value).expanduser())
    return _store(*paths)
