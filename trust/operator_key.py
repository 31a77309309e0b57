"""The operator's SSH key: the one that pyinfra logs in with, made here if there is none."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import atomic_file
from trust.target import TrustError


def load_or_make(path: Path) -> tuple[paramiko.PKey, bool]:
    """The private key in `path`, and whether it was just made (ed25519, without passphrase)."""
    with atomic_file.locked(path.parent):
        made = not path.exists()
        if made:
            _make(path)
    return _load(path), made


def authorized_line(key: paramiko.PKey) -> str:
    """The key as a line of authorized_keys."""
    return f"{key.get_name()} {key.get_base64()}"


def _load(path: Path) -> paramiko.PKey:
    try:
        try:
            return paramiko.PKey.from_path(path)
        except paramiko.PasswordRequiredException:
            passphrase = getpass.getpass(f"Passphrase of {path}: ")
            return paramiko.PKey.from_path(path, passphrase.encode())
    except (paramiko.SSHException, ValueError, OSError) as error:
        raise TrustError(f"the SSH key {path} cannot be read: {error}") from error


def _make(path: Path) -> None:
    public = path.with_name(f"{path.name}.pub")
    if public.exists():
        raise TrustError(f"{public} exists but not its private key {path}; restore or move it")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    comment = f" {getpass.getuser()}@{socket.gethostname()}\n".encode()
    atomic_file.write_new(path, private)
    atomic_file.write_new(public, line + comment, 0o644)
