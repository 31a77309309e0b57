"""Backup identity: the SSH key that opens a NAS, made of a generated secret.

`python -m deploys.backup_identity` shows the line that the NAS has to know.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import inventory_json
import secret_store
from inventory_json import InventoryError
from secret_store import SecretStoreError

SSH_KEY = "backup/ssh-key"
COMMENT = "ai-idp-backup"
TYPE = b"ssh-ed25519"


def public_line(seed: str) -> str:
    """What goes into authorized_keys; `seed` is the secret, 32 bytes in hexadecimal."""
    return f"{TYPE.decode()} {base64.b64encode(_public_blob(_key(seed))).decode()} {COMMENT}"


def private_file(seed: str) -> bytes:
    """The private key as OpenSSH keeps it (openssh, PROTOCOL.key), the same for the same seed.

    The usual writers put random numbers into the file, and each plan would want to change it.
    """
    key = _key(seed)
    public = _raw(key)
    check = hashlib.sha256(public).digest()[:4]
    pair = bytes.fromhex(seed) + public
    secret = check * 2 + _text(TYPE) + _text(public) + _text(pair) + _text(COMMENT.encode())
    secret += bytes(range(1, 1 + -len(secret) % 8))
    none = _text(b"none")
    blob = b"openssh-key-v1\0" + none + none + _text(b"") + struct.pack(">I", 1)
    encoded = base64.b64encode(blob + _text(_public_blob(key)) + _text(secret)).decode()
    lines = [encoded[start : start + 70] for start in range(0, len(encoded), 70)]
    name = "OPENSSH PRIVATE KEY"
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""]).encode()


def _key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _public_blob(key: Ed25519PrivateKey) -> bytes:
    return _text(TYPE) + _text(_raw(key))


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploys.backup_identity", description=__doc__)
    parser.add_argument("--inventory", type=Path, default=Path("inventory.py"))
    options = parser.parse_args(arguments)
    try:
        hosts = inventory_json.read(options.inventory)
        keys = ("secret_store", "secret_identity")
        store = secret_store.for_data({key: inventory_json.shared(hosts, key) for key in keys})
        store.ensure([SSH_KEY])
        print(public_line(store.get(SSH_KEY).get_secret_value()))
    except (InventoryError, SecretStoreError) as error:
        print(f"backup_identity: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
