"""What the certificates say: the CA's constraints, the leaves' names, and how both are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

CA_VALIDITY = timedelta(days=3650)
LEAF_VALIDITY = timedelta(days=365)
# A board without a battery-backed clock may live a little in the past when it first connects.
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Names:
    """Everything that a server is called by its clients."""

    dns: frozenset[str]
    addresses: frozenset[Address]


def authority(
    key: ec.EllipticCurvePrivateKey, domain: str, networks: Iterable[Network], now: datetime
) -> x509.Certificate:
    """A self-signed CA, believed within `domain` and `networks` only (RFC 5280 4.2.1.10)."""
    permitted = [x509.DNSName(domain), *map(x509.IPAddress, networks)]
    builder = _root(key, f"{domain} internal CA", now)
    builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    return builder.sign(key, hashes.SHA256())


def unconstrained_authority(
    key: ec.EllipticCurvePrivateKey, common_name: str, now: datetime
) -> x509.Certificate:
    """A self-signed CA that is believed for any name: only where nobody's browser trusts it."""
    return _root(key, common_name, now).sign(key, hashes.SHA256())


def leaf(
    key: ec.EllipticCurvePrivateKey,
    names: Names,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A server's certificate for `names`; it never outlives the CA."""
    end = min(now + LEAF_VALIDITY, ca.not_valid_after_utc)
    dns, addresses = sorted(names.dns), sorted(names.addresses, key=str)
    san = x509.SubjectAlternativeName([*map(x509.DNSName, dns), *map(x509.IPAddress, addresses)])
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    builder = _builder(_subject(dns[0]), ca.subject, key, now, end)
    builder = builder.add_extension(san, critical=False)
    builder = builder.add_extension(aki, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(usage, critical=False).sign(ca_key, hashes.SHA256())


def names_of(certificate: x509.Certificate) -> Names:
    """The names that a leaf was made for."""
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = san.get_values_for_type(x509.IPAddress)
    return Names(
        frozenset(san.get_values_for_type(x509.DNSName)),
        frozenset(a for a in addresses if isinstance(a, IPv4Address | IPv6Address)),
    )


def uncovered(names: Names, ca: x509.Certificate) -> list[str]:
    """Those of `names` that the constraints of `ca` leave out, sorted."""
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = [general.value for general in constraints.permitted_subtrees or ()]
    domains = [value for value in permitted if isinstance(value, str)]
    networks = [value for value in permitted if isinstance(value, IPv4Network | IPv6Network)]
    dns = (n for n in names.dns if not any(f".{n}".endswith(f".{domain}") for domain in domains))
    addresses = (a for a in names.addresses if not any(a in network for network in networks))
    return sorted([*dns, *map(str, addresses)])


def is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError):
        return False
    return True


def _root(
    key: ec.EllipticCurvePrivateKey, common_name: str, now: datetime
) -> x509.CertificateBuilder:
    subject = _subject(common_name)
    builder = _builder(subject, subject, key, now, now + CA_VALIDITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _subject(common_name: str) -> x509.Name:
    # X.520 ends a common name after 64 characters; clients read the SAN.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(
    digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
