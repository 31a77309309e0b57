"""Arguments: parsed and refused as PVE::JSONSchema and Getopt::Long do it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .node import RefusedError

FEATURES = ("force_rw_sys", "fuse", "keyctl", "mknod", "mount", "nesting")
NETWORK = (
    *("bridge", "firewall", "gw", "gw6", "host-managed", "hwaddr", "ip", "ip6", "link_down"),
    *("mtu", "name", "rate", "tag", "trunks", "type"),
)
DEVICE = ("deny-write", "gid", "mode", "path", "uid")
ROOTFS = (
    *("acl", "idmap", "mountoptions", "quota", "replicate", "ro", "shared", "size", "volume"),
)
STARTUP = ("down", "order", "up")

NUMBERS = {
    "cores": (1, 8192),
    "memory": (16, None),
    "swap": (0, None),
    "tty": (0, 6),
    "onboot": (0, 1),
    "protection": (0, 1),
    "unprivileged": (0, 1),
    "force": (0, 1),
    "purge": (0, 1),
    "current": (0, 1),
    "start": (0, 1),
    "timeout": (0, None),
}
PROPERTIES = {
    "features": FEATURES,
    "net0": NETWORK,
    "rootfs": ROOTFS,
    "startup": STARTUP,
    **{f"dev{number}": DEVICE for number in range(8)},
}
TEXTS = ("description", "hostname", "nameserver", "ostype", "searchdomain", "tags", "arch")
OPTIONS = (*PROPERTIES, *TEXTS, "cores", "memory", "swap", "tty", "onboot", "protection")
LISTS = ("delete", "nameserver", "searchdomain", "tags")


def parsed(
    command: str, given: Sequence[str], positional: Sequence[str], options: Sequence[str]
) -> dict[str, str]:
    """The named values of a command line; RefusedError in the real words."""
    usage = " ".join([command, *(f"<{name}>" for name in positional), "[OPTIONS]"])
    found: dict[str, str] = {}
    free: list[str] = []
    rest = list(given)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            free.append(word)
            continue
        option, mark, value = word.lstrip("-").partition("=")
        if option not in options:
            raise RefusedError(f"Unknown option: {option}\n400 unable to parse option\n{usage}")
        if not mark:
            if not rest:
                said = f"Option {option} requires an argument\n400 unable to parse option\n{usage}"
                raise RefusedError(said)
            value = rest.pop(0)
        joined = option in found and option in LISTS
        found[option] = f"{found[option]},{value}" if joined else value
    if len(free) > len(positional):
        raise RefusedError(f"400 too many arguments\n{usage}")
    if len(free) < len(positional):
        raise RefusedError(f"400 not enough arguments\n{usage}")
    found |= dict(zip(positional, free, strict=True))
    _verify(found, usage)
    return found


def vmid(command: str, given: list[str], *options: str) -> int:
    """The number of the container, of a command that is given that and `options`."""
    return int(parsed(command, given, ("vmid",), options)["vmid"])


def _verify(found: Mapping[str, str], usage: str) -> None:
    wrong = [problem for option, value in found.items() if (problem := _problem(option, value))]
    if wrong:
        raise RefusedError("\n".join(["400 Parameter verification failed.", *wrong, "", usage]))


def _problem(option: str, value: str) -> str:
    if option in NUMBERS:
        return _number(option, value, *NUMBERS[option])
    if option in PROPERTIES:
        return _properties(option, value, PROPERTIES[option])
    if option == "vmid" and not re.fullmatch(r"[1-9]\d{2,8}", value):
        return "vmid: invalid format - value does not look like a valid VM ID"
    if option == "size" and not re.fullmatch(r"\+?\d+(\.\d+)?[KMGT]?", value):
        return r"size: value does not match the regex pattern"
    if option == "hostname" and not re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?", value):
        return "hostname: invalid format - value does not look like a valid DNS name"
    return ""


def _number(option: str, value: str, least: int, most: int | None) -> str:
    if not value.isdigit():
        return f"{option}: type check ('integer') failed - got '{value}'"
    if int(value) < least:
        return f"{option}: value must have a minimum value of {least}"
    if most is not None and int(value) > most:
        return f"{option}: value must have a maximum value of {most}"
    return ""


def _properties(option: str, value: str, known: Sequence[str]) -> str:
    seen: set[str] = set()
    for part in value.split(","):
        key, mark, text = part.partition("=")
        if (not mark and option in ("rootfs",)) or (not mark and option.startswith("dev")):
            continue
        if not mark or not text:
            return f"{option}: invalid format - missing key in comma-separated list property"
        if key in seen:
            return (
                f"{option}: invalid format - duplicate key in comma-separated list property: {key}"
            )
        if key not in known:
            return f"{option}: invalid format - invalid key in comma-separated list property: {key}"
        if option == "features" and key != "mount" and text not in ("0", "1"):
            return (
                f"{option}: invalid format - format error\n"
                f"{option}.{key}: type check ('boolean') failed - got '{text}'"
            )
        seen.add(key)
    return ""
