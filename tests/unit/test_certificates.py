"""The internal CA: what OpenSSL and Python believe of it, and that nothing changes by itself."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

import certificates
from certificates import Authority, CertificateError, Leaf, keys, signing
from certificates.signing import Names
from secret_store import SecretStore, SecretStoreError

ROOT = Path(certificates.__file__).parent.parent
DOMAIN = "ai-idp.home.arpa"
NETWORKS = (ip_network("192.168.1.0/24"), ip_network("127.0.0.0/8"))
LLM = ["llm.ai-idp.home.arpa"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    return Authority(store, DOMAIN, NETWORKS)


def _leaf(authority: Authority) -> Leaf:
    return authority.leaf("nginx", LLM, ["192.168.1.20"])


def _later(authority: Authority, days: int) -> Authority:
    return replace(authority, now=lambda: datetime.now(UTC) + timedelta(days=days))


def _verify(authority: Authority, leaf: bytes, *checks: str) -> str:
    path = authority.store.directory / "checked.crt"
    path.write_bytes(leaf)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *checks]
    command += ["-CAfile", str(authority.certificate_path), str(path)]
    answer = subprocess.run(command, capture_output=True, text=True)
    return answer.stdout.partition(": ")[2].strip() or answer.stderr


def _signed_without_asking(authority: Authority, dns: Sequence[str], *addresses: str) -> Leaf:
    """What somebody with the CA's key could sign, whatever `leaf` would refuse."""
    ca = x509.load_pem_x509_certificate(authority.certificate())
    ca_key = keys.from_pem(authority.store.get("ca-key"))
    names = Names(frozenset(dns), frozenset(map(ip_address, addresses)))
    key = keys.generate()
    signed = signing.leaf(key, names, ca, ca_key, datetime.now(UTC))
    return Leaf(signed.public_bytes(Encoding.PEM), SecretStr(keys.to_pem(key)))


def test_openssl_accepts_a_leaf_under_strict_rules(authority: Authority) -> None:
    leaf = _leaf(authority).certificate
    assert _verify(authority, leaf, "-verify_hostname", LLM[0]) == "OK"
    assert _verify(authority, leaf, "-verify_ip", "192.168.1.20") == "OK"


def test_openssl_refuses_another_name_of_the_same_domain(authority: Authority) -> None:
    leaf = _leaf(authority).certificate
    answer = _verify(authority, leaf, "-verify_hostname", f"grafana.{DOMAIN}")
    assert "hostname mismatch" in answer


@pytest.mark.parametrize(
    ("dns", "addresses"),
    [
        (["bank.example"], []),
        ([f"evil{DOMAIN}"], []),
        (LLM, ["192.168.2.20"]),
        (LLM, ["2001:db8::1"]),
    ],
)
def test_openssl_refuses_what_the_ca_signs_outside_its_constraints(
    authority: Authority, dns: list[str], addresses: list[str]
) -> None:
    leaf = _signed_without_asking(authority, dns, *addresses)
    assert "permitted subtree violation" in _verify(authority, leaf.certificate)


def test_openssl_refuses_a_leaf_as_a_client(authority: Authority) -> None:
    answer = _verify(authority, _leaf(authority).certificate, "-purpose", "sslclient")
    assert "unsuitable certificate purpose" in answer


def _handshake(authority: Authority, leaf: Leaf, tmp_path: Path, name: str) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(leaf.certificate + leaf.key.get_secret_value().encode())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=str(authority.certificate_path))
    trusting.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    with ours, theirs:
        served: list[str] = []
        thread = Thread(target=_serve, args=(serving, theirs, served))
        thread.start()
        try:
            with trusting.wrap_socket(ours, server_hostname=name) as connected:
                assert connected.recv(2) == b"hi"
        finally:
            thread.join()


def _serve(context: ssl.SSLContext, connected: socket.socket, served: list[str]) -> None:
    try:
        with context.wrap_socket(connected, server_side=True) as secured:
            secured.sendall(b"hi")
    except OSError as error:
        # The client's refusal arrives here too; the client is who the tests ask.
        served.append(str(error))


def test_python_speaks_to_a_server_by_name_and_by_address(
    authority: Authority, tmp_path: Path
) -> None:
    leaf = _leaf(authority)
    _handshake(authority, leaf, tmp_path, LLM[0])
    _handshake(authority, leaf, tmp_path, "192.168.1.20")


def test_python_refuses_a_server_outside_the_constraints(
    authority: Authority, tmp_path: Path
) -> None:
    leaf = _signed_without_asking(authority, ["a.example"])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        _handshake(authority, leaf, tmp_path, "a.example")


def test_the_ca_lasts_ten_years_and_signs_no_other_ca(authority: Authority) -> None:
    ca = x509.load_pem_x509_certificate(authority.certificate())
    left = ca.not_valid_after_utc - datetime.now(UTC)
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert 3649 <= left.days <= 3650
    assert constraints.critical
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)


def test_no_private_key_lies_in_clear(authority: Authority) -> None:
    key = _leaf(authority).key
    files = [path for path in authority.store.directory.rglob("*") if path.is_file()]
    assert all(b"PRIVATE KEY" not in path.read_bytes() for path in files)
    assert "PRIVATE KEY" in key.get_secret_value()
    assert "PRIVATE KEY" not in repr(_leaf(authority))


def test_a_second_call_changes_no_byte(authority: Authority) -> None:
    first, ca = _leaf(authority), authority.certificate()
    assert _leaf(_later(authority, 334)) == first
    assert _later(authority, 334).certificate() == ca


def test_a_leaf_is_renewed_before_it_ends(authority: Authority) -> None:
    first = _leaf(authority)
    later = _later(authority, 336)
    renewed = _leaf(later)
    assert renewed.certificate != first.certificate
    end = x509.load_pem_x509_certificate(renewed.certificate).not_valid_after_utc
    assert 364 <= (end - later.now()).days <= 365


@pytest.mark.parametrize(
    ("dns", "addresses"),
    [([*LLM, f"models.{DOMAIN}"], ["192.168.1.20"]), (LLM, ["192.168.1.21"]), (LLM, [])],
)
def test_other_names_or_addresses_make_a_new_leaf(
    authority: Authority, dns: list[str], addresses: list[str]
) -> None:
    first = _leaf(authority)
    changed = authority.leaf("nginx", dns, addresses)
    assert changed != first
    assert _verify(authority, changed.certificate, "-verify_hostname", dns[-1]) == "OK"


def test_the_order_and_case_of_names_are_no_change(authority: Authority) -> None:
    first = authority.leaf("nginx", ["a.ai-idp.home.arpa", *LLM], ["192.168.1.20"])
    assert (
        authority.leaf("nginx", [LLM[0].upper(), "a.ai-idp.home.arpa"], ["192.168.1.20"]) == first
    )


def test_a_leaf_whose_key_is_another_one_is_made_anew(authority: Authority) -> None:
    first = _leaf(authority)
    authority.store.rotate("tls/nginx", keys.to_pem(keys.generate()))
    healed = _leaf(authority)
    assert healed.certificate != first.certificate
    public = x509.load_pem_x509_certificate(healed.certificate).public_key()
    assert public == keys.from_pem(healed.key).public_key()


@pytest.mark.parametrize(
    ("dns", "addresses", "named"),
    [
        ([f"evil{DOMAIN}"], [], f"evil{DOMAIN}"),
        (LLM, ["10.0.0.1"], r"10\.0\.0\.1"),
    ],
)
def test_what_the_ca_may_not_vouch_for_is_refused_with_the_way_out(
    authority: Authority, dns: list[str], addresses: list[str], named: str
) -> None:
    wanted = rf"may not vouch for {named}, wanted by nginx\..*python -m certificates --reissue"
    with pytest.raises(CertificateError, match=wanted):
        authority.leaf("nginx", dns, addresses)


def test_a_leaf_needs_a_name(authority: Authority) -> None:
    with pytest.raises(CertificateError, match="at least one DNS name"):
        authority.leaf("nginx", [], ["192.168.1.20"])


def test_a_reissued_ca_covers_a_new_network_and_keeps_the_leaves(authority: Authority) -> None:
    old_ca, old_leaf = authority.certificate(), _leaf(authority)
    wider = replace(authority, networks=(*NETWORKS, ip_network("10.0.0.0/24")))
    with pytest.raises(CertificateError, match=r"may not vouch for 10\.0\.0\.1"):
        wider.leaf("jetson", [f"jetson.{DOMAIN}"], ["10.0.0.1"])
    assert wider.reissue() != old_ca
    assert _leaf(wider) == old_leaf
    assert _verify(wider, old_leaf.certificate) == "OK"
    jetson = wider.leaf("jetson", [f"jetson.{DOMAIN}"], ["10.0.0.1"])
    assert _verify(wider, jetson.certificate, "-verify_ip", "10.0.0.1") == "OK"


def test_a_new_domain_renews_the_leaves_after_the_reissue(authority: Authority) -> None:
    old = _leaf(authority)
    moved = replace(authority, domain="lab.example")
    moved.reissue()
    new = moved.leaf("nginx", ["llm.lab.example"], ["192.168.1.20"])
    assert new.certificate != old.certificate
    assert _verify(moved, new.certificate, "-verify_hostname", "llm.lab.example") == "OK"


def test_an_ending_ca_is_named_and_a_leaf_never_outlives_it(authority: Authority) -> None:
    authority.certificate()
    last_year = _later(authority, 3600)
    ca = x509.load_pem_x509_certificate(authority.certificate())
    leaf = x509.load_pem_x509_certificate(_leaf(last_year).certificate)
    assert leaf.not_valid_after_utc == ca.not_valid_after_utc
    with pytest.raises(CertificateError, match=r"the internal CA ends on .* --reissue"):
        _leaf(_later(authority, 3625))
    _later(authority, 3625).reissue()
    assert _leaf(_later(authority, 3625)).certificate


def test_a_lost_ca_certificate_is_never_replaced_silently(authority: Authority) -> None:
    authority.certificate()
    authority.certificate_path.unlink()
    with pytest.raises(CertificateError, match="is missing but its key is not; restore it"):
        authority.certificate()
    assert not authority.certificate_path.exists()


def test_a_lost_ca_key_is_never_replaced_silently(authority: Authority) -> None:
    before = authority.certificate()
    (authority.store.directory / "ca-key.age").unlink()
    with pytest.raises(SecretStoreError, match="no secret `ca-key`"):
        _leaf(authority)
    assert authority.certificate_path.read_bytes() == before


def test_the_command_shows_and_reissues_the_ca(tmp_path: Path) -> None:
    data = {
        "domain": DOMAIN,
        "networks": ["192.168.1.0/24"],
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    inventory = tmp_path / "inventory.py"
    inventory.write_text(f"everyone = [('one', {data!r})]\n")
    status, shown, _ = _command(inventory)
    assert (status, f"vouches for {DOMAIN}, 192.168.1.0/24" in shown) == (0, True), shown
    status, reissued, said = _command(inventory, "--reissue")
    assert (status, "import this file again" in said) == (0, True), said
    assert reissued != shown


def _command(inventory: Path, *arguments: str) -> tuple[int, str, str]:
    answer = subprocess.run(
        [sys.executable, "-m", "certificates", "--inventory", str(inventory), *arguments],
        cwd=inventory.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return answer.returncode, answer.stdout, answer.stderr
