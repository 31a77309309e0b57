"""The gateway when something behind it is gone, and when its certificate or its CA is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

import secret_store
from certificates import Authority
from deploys.gateway import ADMIN_PASSWORD
from lab import network
from tests.lab import gateway_samples as samples
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import converge, repair, shell
from tests.lab.gateway_samples import CLIENT, GATEWAY, NAME, OBSERVATION
from tests.lab.waiting import wait_until

ROLE = "deploys.nginx.install"
LEAF = "/etc/nginx/tls/gateway"
DAY = timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds these hosts converged and leaves them so."""
    converge(GATEWAY, CLIENT, OBSERVATION)


def handshake(*options: str) -> str:
    """What OpenSSL's client on another host says of a handshake with the gateway."""
    address = network.read().hosts[GATEWAY]
    asked = f"-connect {address}:443 -servername {NAME} {' '.join(options)}"
    return shell(CLIENT, f"openssl s_client {asked} </dev/null 2>&1", check=False)


# OpenSSL's client itself offers nothing so old unless it is told to.
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_an_old_version_of_tls_is_refused_by_the_gateway(version: str) -> None:
    assert "alert protocol version" in handshake(version, "-cipher ALL:@SECLEVEL=0")


@pytest.mark.parametrize(("version", "name"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_a_present_version_of_tls_is_spoken(version: str, name: str) -> None:
    assert f"New, {name}, Cipher is" in handshake(version)


@pytest.mark.parametrize(
    "ciphers", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ADH", "NULL", "ECDHE-ECDSA-AES256-CCM"]
)
def test_a_weak_cipher_is_refused_by_the_gateway(ciphers: str) -> None:
    assert "alert handshake failure" in handshake("-tls1_2", f"-cipher {ciphers}:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("logrotate.j2", "no_such_option", "keyword 'no' not properly separated"),
        ("nginx.mtail.j2", "counter", "syntax error: unexpected NL"),
    ],
)
def test_what_rotation_or_metrics_would_not_read_is_refused(
    tmp_path: Path, template: str, line: str, message: str
) -> None:
    altered = AlteredCheckout(tmp_path)
    altered.append(f"templates/nginx/{template}", line)
    done = altered.apply(GATEWAY, deploy=ROLE)
    assert done.returncode != 0
    assert message in done.stdout
    assert "refused at 'validate', nothing was changed" in done.stdout


def test_metrics_that_are_read_land_while_the_old_ones_are_served(tmp_path: Path) -> None:
    altered = AlteredCheckout(tmp_path)
    altered.append("templates/nginx/nginx.mtail.j2", "# a change")
    assert altered.apply(GATEWAY, deploy=ROLE).returncode == 0
    assert shell(GATEWAY, "tail -n 1 /etc/mtail/nginx.mtail").strip() == "# a change"
    repair(GATEWAY, deploy=ROLE)


@pytest.fixture
def prometheus_gone() -> Generator[None]:
    shell(OBSERVATION, "systemctl stop prometheus")
    yield
    shell(OBSERVATION, "systemctl start prometheus")


def test_the_service_that_is_gone_is_named_and_the_others_answer(prometheus_gone: None) -> None:
    gateway = samples.from_here()
    password = secret_store.for_data(samples.data()).get(ADMIN_PASSWORD).get_secret_value()
    gone = gateway.ask("/prometheus/graph", password=password)
    assert (gone.status, gone.headers["Retry-After"]) == (503, "10")
    assert gone.headers["Content-Type"].startswith("text/html")
    assert "Prometheus does not answer at the moment" in gone.text
    status = gateway.ask("/")
    (row,) = [row for row in status.text.split("<li>") if ">Prometheus<" in row]
    assert "does not answer" in row
    assert gateway.ask("/health").status == 200


def test_nginx_starts_while_what_is_behind_it_is_gone(prometheus_gone: None) -> None:
    shell(GATEWAY, "systemctl restart nginx")
    assert samples.from_here().ask("/health").status == 200


def presented() -> x509.Certificate:
    text = handshake()
    begin = text.index("-----BEGIN CERTIFICATE-----")
    return x509.load_pem_x509_certificate(text[begin:].encode())


def test_a_certificate_one_day_before_its_end_is_renewed_by_a_run() -> None:
    authority = samples.authority()
    leaf = x509.load_pem_x509_certificate(
        (authority.store.directory / "tls/nginx.crt").read_bytes()
    )
    end = leaf.not_valid_after_utc
    old = Authority(
        authority.store, authority.domain, authority.networks, lambda: _now() - 364 * DAY
    )
    (authority.store.directory / "tls" / "nginx.crt").unlink()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    made = old.leaf(
        "nginx",
        names.get_values_for_type(x509.DNSName),
        [str(address) for address in names.get_values_for_type(x509.IPAddress)],
    )
    _put(f"{LEAF}.crt", made.certificate)
    _put(f"{LEAF}.key", made.key.get_secret_value().encode())
    shell(GATEWAY, "systemctl reload nginx")
    wait_until("the old one is presented", lambda: presented().not_valid_after_utc < end)
    assert presented().not_valid_after_utc - _now() < 2 * DAY < end - _now()

    repair(GATEWAY, deploy=ROLE)

    assert presented().not_valid_after_utc - _now() > 300 * DAY
    assert samples.from_here().ask("/health").status == 200


def _now() -> datetime:
    return datetime.now(UTC)


def _put(path: str, content: bytes) -> None:
    """Over what is there, so that mode and owner stay."""
    shell(GATEWAY, f"cat >{path} <<'EOF'\n{content.decode()}EOF\n")


@pytest.fixture
def kept_authority(tmp_path: Path) -> Generator[Path]:
    """The CA as it is comes back: the other hosts of the lab have not heard of another."""
    directory = samples.authority().store.directory
    kept = tmp_path / "kept"
    shutil.copytree(directory, kept)
    yield kept
    shutil.copytree(kept, directory, dirs_exist_ok=True)
    converge(GATEWAY, CLIENT)


def test_a_replaced_authority_is_followed_by_all_that_trust_it(kept_authority: Path) -> None:
    directory = samples.authority().store.directory
    for name in ("ca.crt", "ca-key.age"):
        (directory / name).unlink()

    converge(GATEWAY, CLIENT)

    assert (directory / "ca.crt").read_bytes() != (kept_authority / "ca.crt").read_bytes()
    assert samples.from_here().ask("/health").status == 200
    ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}' https://{NAME}/health"
    assert shell(CLIENT, ask) == "200"
    old = (kept_authority / "ca.crt").read_text()
    shell(CLIENT, f"cat >/tmp/old-ca.crt <<'EOF'\n{old}EOF\n")
    assert shell(CLIENT, f"{ask} --cacert /tmp/old-ca.crt --capath /dev/null", check=False) == "000"
