"""A guest's host key, told by the node that it runs on: who is root there owns the guest anyway."""

from __future__ import annotations

import base64
import binascii

import paramiko

from deploys.guest import Guest
from trust import host_keys, login, operator_key
from trust.target import Target, TrustError

READ_KEY = 'LC_ALL=C pct exec "$1" -- cat /etc/ssh/ssh_host_ed25519_key.pub'


def fingerprint(name: str, guest: Guest, node: Target) -> str:
    """The fingerprint (SHA256:…) of the guest's own Ed25519 key, read through its node.

    The node has to be trusted itself; TrustError where it is not, or does not tell.
    """
    host_key = host_keys.pinned(node)
    if host_key is None:
        raise TrustError(
            f"{node.name} vouches for its guest {name}, but is not trusted itself; first run "
            f"`make trust HOST={node.name}`"
        )
    key, _ = operator_key.load_or_make(node.key_path)
    with login.by_key(node, host_key, node.account, key) as session:
        answer = session.run_as_root(READ_KEY, str(guest.vmid))
    if answer.status != 0:
        raise TrustError(
            f"{node.name} does not tell the host key of {name} (container {guest.vmid}): "
            f"{answer.text}; does it exist and run? `make apply` creates and starts it"
        )
    return _parsed(answer.text, name, node)


def _parsed(text: str, name: str, node: Target) -> str:
    """The fingerprint of the key among what was said; warnings may stand around it."""
    keys = [line.split()[1] for line in text.splitlines() if line.startswith("ssh-ed25519 ")]
    try:
        (key,) = keys
        found: str = paramiko.Ed25519Key(data=base64.b64decode(key)).fingerprint
    except (binascii.Error, paramiko.SSHException, ValueError) as error:
        raise TrustError(f"{node.name} told no host key of {name}, but: {text}") from error
    return found
