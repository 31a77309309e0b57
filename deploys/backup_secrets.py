"""Backup secrets: the password and the key that open a backup, and the copy of the secret store."""

from __future__ import annotations

import io
import tarfile

from deploys.backup_identity import SSH_KEY, private_file
from deploys.backup_target import DIRECTORY, IDENTITY, Target
from deploys.topology import Machine
from operations.entries import Entry, File
from secret_store import SecretStore

PASSWORD = "backup/password"
STORE_ARCHIVE = f"{DIRECTORY}/secret-store.tar"


def secret_files(
    target: Target, machine: Machine, secret_store_on: str, store: SecretStore
) -> list[Entry]:
    """The password (also the one before, which changes it in the repository), and the SSH key.

    The host that `secret_store_on` names has the secret store's archive too.
    """
    contents = {f"{DIRECTORY}/password": store.get(PASSWORD).get_secret_value().encode()}
    if previous := store.previous(PASSWORD):
        contents[f"{DIRECTORY}/password.previous"] = previous.get_secret_value().encode()
    if target.kind == "sftp":
        contents[IDENTITY] = private_file(store.get(SSH_KEY).get_secret_value())
    if machine.name == secret_store_on:
        contents[STORE_ARCHIVE] = store_archive(store)
    return [File(path, content, mode="0600", secret=True) for path, content in contents.items()]


def store_archive(store: SecretStore) -> bytes:
    """The encrypted files of the store as one tar, the same as long as no secret changes.

    Without the leaf certificates' keys: the CA makes new ones, also while a run is being planned.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(store.directory.rglob("*")):
            name = str(path.relative_to(store.directory))
            if path.is_file() and _is_kept(name):
                content = path.read_bytes()
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o600
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _is_kept(name: str) -> bool:
    return name == "store.json" or (name.endswith((".age", ".crt")) and not name.startswith("tls/"))
