"""The age identity: the one file that opens the secret store, kept outside of it.

The file is as `age-keygen` writes it, so that `age --decrypt -i` opens every secret by hand.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyrage
from pyinfra.api.exceptions import DeployError

import atomic_file


class SecretStoreError(DeployError):
    """The store cannot give or take a secret; the text says why and what to do."""


@dataclass(frozen=True)
class Identity:
    """The private keys of one identity file; the first one encrypts."""

    path: Path
    keys: Sequence[pyrage.x25519.Identity] = field(repr=False)

    def recipients(self) -> list[str]:
        return [str(key.to_public()) for key in self.keys]

    def encrypt(self, value: str) -> bytes:
        return pyrage.encrypt(value.encode(), [self.keys[0].to_public()])

    def decrypt(self, path: Path) -> str:
        try:
            return pyrage.decrypt(path.read_bytes(), self.keys).decode()
        except (pyrage.DecryptError, UnicodeDecodeError) as error:
            raise SecretStoreError(
                f"{path} is damaged or was encrypted for another identity than {self.path} "
                f"({error}); restore the file from your backup"
            ) from error


def read(path: Path) -> Identity:
    """The identity in `path`; SecretStoreError where it is open to others or not an identity."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SecretStoreError(f"{path} can be read by others; run `chmod 600 {path}`")
    lines = [line.strip() for line in path.read_text().splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise SecretStoreError(f"{path} holds no age identity; restore it from your backup")
    try:
        return Identity(path, [pyrage.x25519.Identity.from_str(key) for key in keys])
    except pyrage.IdentityError:
        # Not chained: the parser's words could quote the key.
        raise SecretStoreError(
            f"{path} is not an age identity; restore it from your backup"
        ) from None


def read_or_make(path: Path) -> Identity:
    """The identity in `path`, made first (0600) where there is none."""
    if not path.exists():
        atomic_file.make_private_directory(path.parent)
        key = pyrage.x25519.Identity.generate()
        made = f"# created: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
        content = f"{made}# public key: {key.to_public()}\n{key}\n"
        atomic_file.write_new(path, content.encode())
    return read(path)
