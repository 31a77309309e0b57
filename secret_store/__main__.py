"""`python -m secret_store`: shows, lists, takes in and rotates secrets of an inventory's store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path

import inventory_json
from inventory_json import InventoryError
from secret_store import SecretStore, SecretStoreError, for_data


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        hosts = inventory_json.read(options.inventory)
        keys = ("secret_store", "secret_identity")
        store = for_data({key: inventory_json.shared(hosts, key) for key in keys})
        if options.list:
            print("\n".join(store.names()))
        elif (value := _value(store, options)) and not options.stdin:
            print(value)
    except (InventoryError, SecretStoreError) as error:
        print(f"secret_store: {error}", file=sys.stderr)
        return 1
    return 0


def _value(store: SecretStore, options: argparse.Namespace) -> str:
    name: str = options.name
    given = _given(name) if options.stdin else None
    if options.rotate:
        value = store.rotate(name, given)
    elif options.undo:
        value = store.undo_rotation(name)
    else:
        if given is not None:
            store.put(name, given)
        value = store.get(name)
    if options.rotate or options.undo:
        print(f"`{name}` changed; `make apply` brings it to its users", file=sys.stderr)
    return value.get_secret_value()


def _given(name: str) -> str:
    """The value that somebody types unseen, or that another program writes."""
    typed = getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read()
    if not typed.strip():
        raise SecretStoreError(f"no value was given for `{name}`")
    return typed.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m secret_store", description=__doc__)
    parser.add_argument("--inventory", type=Path, default=Path("inventory.py"))
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("name", nargs="?", help="the secret to show, such as llama_cpp/api-key")
    wanted.add_argument("--list", action="store_true", help="show the names of all secrets")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--rotate", action="store_true", help="give it a new value first")
    change.add_argument("--undo", action="store_true", help="take back the last rotation first")
    parser.add_argument(
        "--stdin", action="store_true", help="read the value from standard input, or ask"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
