"""Authority: the lab's own CA, by which its outside world answers under the real names over TLS.

It is made once per machine, and only the lab's host image trusts it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

import atomic_file
from certificates import keys, signing
from lab.checkout import CACHE

CERTIFICATE = CACHE / "authority.crt"
KEY = CACHE / "authority.key"


def ensure() -> None:
    """Make the CA unless this machine has it."""
    if CERTIFICATE.exists() and KEY.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    key = keys.generate()
    name = "ai-idp lab outside world CA"
    certificate = signing.unconstrained_authority(key, name, datetime.now(UTC))
    atomic_file.write(KEY, keys.to_pem(key).encode())
    CERTIFICATE.write_bytes(certificate.public_bytes(Encoding.PEM))


def issue(names: tuple[str, ...], directory: Path) -> None:
    """Write ``server.crt`` and ``server.key`` for the DNS ``names`` into ``directory``."""
    authority_key = keys.from_pem(SecretStr(KEY.read_text()))
    authority = x509.load_pem_x509_certificate(CERTIFICATE.read_bytes())
    key, wanted = keys.generate(), signing.Names(frozenset(names), frozenset())
    certificate = signing.leaf(key, wanted, authority, authority_key, datetime.now(UTC))
    atomic_file.write(directory / "server.key", keys.to_pem(key).encode())
    (directory / "server.crt").write_bytes(
        certificate.public_bytes(Encoding.PEM) + CERTIFICATE.read_bytes()
    )
