"""`python -m certificates`: shows the internal CA, and signs it again for a changed network."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

import certificates
import inventory_json
from certificates import CertificateError
from inventory_json import InventoryError
from secret_store import SecretStoreError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m certificates", description=__doc__)
    parser.add_argument("--inventory", type=Path, default=Path("inventory.py"))
    parser.add_argument("--reissue", action="store_true", help="sign the CA again, same key")
    options = parser.parse_args(arguments)
    try:
        hosts = inventory_json.read(options.inventory)
        keys = ("domain", "networks", "secret_store", "secret_identity")
        authority = certificates.for_data({k: inventory_json.shared(hosts, k) for k in keys})
        pem = authority.reissue() if options.reissue else authority.certificate()
    except (InventoryError, SecretStoreError, CertificateError) as error:
        print(f"certificates: {error}", file=sys.stderr)
        return 1
    print(f"{authority.certificate_path}\n{_description(x509.load_pem_x509_certificate(pem))}")
    if options.reissue:
        print("import this file again on every device outside the inventory", file=sys.stderr)
    return 0


def _description(ca: x509.Certificate) -> str:
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = ", ".join(str(name.value) for name in constraints.permitted_subtrees or ())
    return (
        f"vouches for {permitted}\n"
        f"until       {ca.not_valid_after_utc:%Y-%m-%d}\n"
        f"SHA-256     {ca.fingerprint(hashes.SHA256()).hex(':').upper()}"
    )


if __name__ == "__main__":
    sys.exit(main())
