"""The command: ``python -m workflows`` writes files/n8n/workflows; ``--check`` compares."""

from __future__ import annotations

import sys

from workflows import catalogue


def main() -> None:
    if "--check" not in sys.argv:
        catalogue.write()
    elif outdated := catalogue.outdated():
        sys.exit(f"{', '.join(outdated)}: not what workflows/ says; run `make docs`")


if __name__ == "__main__":
    main()
