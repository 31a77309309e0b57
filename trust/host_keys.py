"""Host keys: read from the host, shown for comparison, pinned, and held against later ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import paramiko
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

import atomic_file
from trust import transports
from trust.target import Target, TrustError

_CONSOLE_FILES = {
    "ssh-ed25519": "ssh_host_ed25519_key.pub",
    "ssh-rsa": "ssh_host_rsa_key.pub",
}


def verified(
    target: Target, fingerprint: str | None, confirm: Callable[[str], bool], replace: bool
) -> paramiko.PKey:
    """The host's key, known to be right: pinned before, or now compared and pinned.

    `fingerprint` (SHA256:…) decides where it is given, else the answer to `confirm`. A key that
    differs from the pinned one is refused unless `replace` says that this is meant.
    """
    known = pinned(target)
    shown = _read(target, known)
    if fingerprint is not None and fingerprint != shown.fingerprint:
        raise TrustError(
            f"{target} shows {shown.fingerprint}, not {fingerprint}: this is another machine, or "
            "someone is between. Nothing was pinned"
        )
    if shown == known:
        return shown
    if known is not None and not replace:
        raise TrustError(_swapped(target, known, shown))
    if fingerprint is None and not confirm(_question(target, shown)):
        raise TrustError(f"{target} was not confirmed; nothing was pinned")
    _pin(target, shown)
    return shown


def console_command(key: paramiko.PKey) -> str:
    """What prints the fingerprint of `key` on the machine itself, where nobody is between."""
    file = _CONSOLE_FILES.get(key.get_name(), "ssh_host_ecdsa_key.pub")
    return f"ssh-keygen -lf /etc/ssh/{file}"


def _read(target: Target, known: paramiko.PKey | None) -> paramiko.PKey:
    with closing(transports.connected(target, known)) as transport:
        return transport.get_remote_server_key()


def _question(target: Target, key: paramiko.PKey) -> str:
    return (
        f"{target} shows this host key:\n"
        f"    {key.get_name()} {key.fingerprint}\n"
        f"Compare it on the machine's own console with:\n"
        f"    {console_command(key)}\n"
        "Is it the same?"
    )


def _swapped(target: Target, known: paramiko.PKey, shown: paramiko.PKey) -> str:
    return (
        f"{target} shows {shown.get_name()} {shown.fingerprint}, but "
        f"{known.get_name()} {known.fingerprint} is pinned in {target.known_hosts}. A "
        "reinstalled host looks like this, and so does another machine in its place. Only if "
        f"you know why it changed, and `{console_command(shown)}` on its console agrees, repeat "
        "with --replace"
    )


def pinned(target: Target) -> paramiko.PKey | None:
    """The key that is pinned for the target; TrustError where there are two."""
    keys = [key for line in _lines(target) if (key := _key_for(target, line))]
    if len(keys) > 1:
        raise TrustError(f"{target.known_hosts} pins {target.pinned_name} twice; keep one line")
    return keys[0] if keys else None


def _pin(target: Target, key: paramiko.PKey) -> None:
    with atomic_file.locked(target.known_hosts.parent):
        others = [line for line in _lines(target) if _key_for(target, line) is None]
        line = f"{target.pinned_name} {key.get_name()} {key.get_base64()}"
        atomic_file.write(target.known_hosts, "\n".join([*others, line, ""]).encode(), 0o644)


def _lines(target: Target) -> list[str]:
    if not target.known_hosts.exists():
        return []
    return target.known_hosts.read_text().splitlines()


def _key_for(target: Target, line: str) -> paramiko.PKey | None:
    if not line.strip() or line.startswith("#"):
        return None
    try:
        entry = HostKeyEntry.from_line(line)
    except InvalidHostKey as error:
        raise TrustError(f"{target.known_hosts} has a broken line, correct it: {line}") from error
    if entry is None or entry.key is None or target.pinned_name not in (entry.hostnames or ()):
        return None
    return entry.key
