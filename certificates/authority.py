"""The authority: makes the CA once, hands out leaves and renews them, all within the store.

`ca.crt` and `tls/<name>.crt` lie in the store's directory in clear; their keys are the secrets
`ca-key` and `tls/<name>`. What is still good is returned byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr
from pyinfra.api.exceptions import DeployError

import atomic_file
import secret_store
from certificates import keys, signing
from certificates.signing import Names, Network
from secret_store import SecretStore
from secret_store.store import Data

CA_KEY = "ca-key"
RENEW_BEFORE = timedelta(days=30)
READABLE = 0o644


class CertificateError(DeployError):
    """No certificate can be had; the text says why and what to do."""


@dataclass(frozen=True)
class Leaf:
    """What a server presents: its certificate chain (PEM) and the key (PEM) that belongs to it."""

    certificate: bytes
    key: SecretStr


@dataclass(frozen=True)
class Authority:
    """The CA of `domain` and `networks`, with everything it made, in `store`."""

    store: SecretStore
    domain: str
    networks: tuple[Network, ...]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def certificate_path(self) -> Path:
        return self.store.directory / "ca.crt"

    def certificate(self) -> bytes:
        """The CA certificate (PEM) that every client trusts; made on the first call."""
        with self._locked():
            return self._ca()[0].public_bytes(Encoding.PEM)

    def leaf(self, name: str, dns_names: Sequence[str], addresses: Sequence[str]) -> Leaf:
        """The certificate of the server `name` for these names and addresses.

        It is made anew only when it has less than 30 of its 365 days left or when the names, the
        addresses or the CA changed.
        """
        lower = frozenset(dns_name.lower() for dns_name in dns_names)
        names = Names(lower, frozenset(map(ip_address, addresses)))
        if not dns_names:
            # A client may take the subject for a host name where the certificate lists none.
            raise CertificateError(f"the certificate of {name} needs at least one DNS name")
        with self._locked():
            ca, ca_key = self._ca()
            self._refuse_uncovered(name, names, ca)
            kept = self._kept(name, names, ca)
            return kept or self._issued(name, names, ca, ca_key)

    def reissue(self) -> bytes:
        """Sign the CA certificate again, for the present domain and networks, with the same key.

        Leaves made before stay valid. Clients outside the inventory have to import it again.
        """
        with self._locked():
            key = keys.from_pem(self.store.get(CA_KEY))
            return self._certified(key).public_bytes(Encoding.PEM)

    def _locked(self) -> AbstractContextManager[None]:
        return atomic_file.locked(self.store.directory / "tls")

    def _ca(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        path = self.certificate_path
        if not path.exists() and CA_KEY not in self.store.names():
            key = keys.generate()
            self.store.put(CA_KEY, keys.to_pem(key))
            return self._certified(key), key
        if not path.exists():
            raise CertificateError(f"{path} is missing but its key is not; {self._restore()}")
        key = keys.from_pem(self.store.get(CA_KEY))
        ca = x509.load_pem_x509_certificate(path.read_bytes())
        if ca.public_key() != key.public_key():
            raise CertificateError(f"{path} does not belong to the key `{CA_KEY}`; restore both")
        if ca.not_valid_after_utc - self.now() < RENEW_BEFORE:
            raise CertificateError(
                f"the internal CA ends on {ca.not_valid_after_utc:%Y-%m-%d}; {_REISSUE}"
            )
        return ca, key

    def _restore(self) -> str:
        return f"restore it from your backup, or {_REISSUE}"

    def _certified(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        ca = signing.authority(key, self.domain, self.networks, self.now())
        atomic_file.write(self.certificate_path, ca.public_bytes(Encoding.PEM), READABLE)
        return ca

    def _refuse_uncovered(self, name: str, names: Names, ca: x509.Certificate) -> None:
        uncovered = signing.uncovered(names, ca)
        if uncovered:
            raise CertificateError(
                f"the internal CA may not vouch for {', '.join(uncovered)}, wanted by {name}. "
                f"Correct it, or have it in `domain` or `networks` of group_data/all.py and then "
                f"{_REISSUE}"
            )

    def _kept(self, name: str, names: Names, ca: x509.Certificate) -> Leaf | None:
        path = self._leaf_path(name)
        if not path.exists() or _secret(name) not in self.store.names():
            return None
        content, key = path.read_bytes(), self.store.get(_secret(name))
        leaf = x509.load_pem_x509_certificate(content)
        good = (
            leaf.not_valid_after_utc - self.now() >= RENEW_BEFORE
            and signing.names_of(leaf) == names
            and signing.is_signed_by(leaf, ca)
            and leaf.public_key() == keys.from_pem(key).public_key()
        )
        return Leaf(content, key) if good else None

    def _issued(
        self, name: str, names: Names, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey
    ) -> Leaf:
        key = keys.generate()
        leaf = signing.leaf(key, names, ca, ca_key, self.now())
        pem, content = keys.to_pem(key), leaf.public_bytes(Encoding.PEM)
        if _secret(name) in self.store.names():
            self.store.rotate(_secret(name), pem)
        else:
            self.store.put(_secret(name), pem)
        atomic_file.write(self._leaf_path(name), content, READABLE)
        return Leaf(content, SecretStr(pem))

    def _leaf_path(self, name: str) -> Path:
        return self.store.directory / f"{_secret(name)}.crt"


_REISSUE = (
    "run `python -m certificates --reissue`: it keeps the key, so present certificates stay "
    "valid, but devices outside the inventory have to import the new ca.crt"
)


def _secret(name: str) -> str:
    return f"tls/{name}"


def for_data(data: Data) -> Authority:
    """The authority that a host's data name: `domain`, `networks` and the secret store's keys."""
    domain, networks = data.get("domain"), data.get("networks")
    if not domain or not networks:
        raise CertificateError("the data lack `domain` or `networks`; see group_data/all.py")
    try:
        parsed = tuple(map(ip_network, networks))
    except ValueError as error:
        raise CertificateError(f"`networks` of group_data/all.py: {error}") from error
    return Authority(secret_store.for_data(data), domain, parsed)
