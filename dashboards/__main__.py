"""The command: ``python -m dashboards`` writes files/grafana/dashboards; ``--check`` compares."""

from __future__ import annotations

import sys

from dashboards import catalogue


def main() -> None:
    if "--check" not in sys.argv:
        catalogue.write()
    elif outdated := catalogue.outdated():
        sys.exit(f"{', '.join(outdated)}: not what dashboards/ says; run `make docs`")


if __name__ == "__main__":
    main()
