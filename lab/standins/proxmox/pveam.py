"""`pveam`: templates that are offered, and those that lie on a storage."""

from __future__ import annotations

import sys

from . import arguments, node
from .node import RefusedError

OFFERED = {
    "alpine-3.23-default_20260116_amd64.tar.xz": "system",
    "debian-12-standard_12.12-1_amd64.tar.zst": "system",
    "debian-13-standard_13.6-1_amd64.tar.zst": "system",
    "ubuntu-24.04-standard_24.04-2_amd64.tar.zst": "system",
}


def available(given: list[str]) -> None:
    found = arguments.parsed("pveam available", given, (), ("section",))
    for template, section in sorted(OFFERED.items()):
        if found.get("section", section) == section:
            print(f"{section:<15} {template:<60} amd64")


def listing(given: list[str]) -> None:
    storage = arguments.parsed("pveam list", given, ("storage",), ())["storage"]
    _refuse_storage(storage, "Storage does not support templates!")
    print(f"{'NAME':<60} {'SIZE':<6}")
    for file in sorted(node.TEMPLATES.iterdir()):
        print(f"{f'{storage}:vztmpl/{file.name}':<60} {129.72:<4.2f}MB")


def download(given: list[str]) -> None:
    found = arguments.parsed("pveam download", given, ("storage", "template"), ())
    if found["template"] not in OFFERED:
        raise RefusedError(
            "400 Parameter verification failed.\ntemplate: no such template\n\n"
            "pveam download <storage> <template>"
        )
    storage = found["storage"]
    _refuse_storage(storage, f"storage '{storage}' does not support templates")
    (node.TEMPLATES / found["template"]).touch()
    print(
        f"calculating checksum...OK, checksum verified\ndownload of '{found['template']}' finished"
    )


def _refuse_storage(name: str, without: str) -> None:
    if name not in node.STORAGES:
        raise RefusedError(f"storage '{name}' does not exist")
    if "vztmpl" not in str(node.STORAGES[name]["content"]):
        raise RefusedError(without)


COMMANDS = {"available": available, "list": listing, "download": download}


def main(given: list[str]) -> int:
    try:
        if not given or given[0] not in COMMANDS:
            raise RefusedError(f"ERROR: unknown command 'pveam {' '.join(given[:1])}'")
        with node.locked():
            COMMANDS[given[0]](given[1:])
    except RefusedError as error:
        return node.end(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
