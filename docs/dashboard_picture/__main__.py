"""The command: ``python -m docs.dashboard_picture record NAME``, then ``draw NAME``.

`record` drives users through the running lab's gateway in waves and keeps what each query of the
dashboard yielded meanwhile in docs/NAME-dashboard.json. `draw` makes docs/NAME-dashboard.svg of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from docs.dashboard_picture import drawing, recording

DOCS = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.dashboard_picture", description=__doc__)
    parser.add_argument("action", choices=("record", "draw"))
    parser.add_argument("name", help="of a dashboard, such as inference")
    parser.add_argument("--waves", default="1,2,1,3,1", help="how many crowds, one after the other")
    parser.add_argument("--wave-seconds", type=int, default=90, help="how long each one stays")
    options = parser.parse_args()
    kept = DOCS / f"{options.name}-dashboard.json"
    if options.action == "record":
        crowds = [int(number) for number in options.waves.split(",")]
        found = recording.record(options.name, crowds, options.wave_seconds)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    else:
        picture = drawing.draw(json.loads(kept.read_text(encoding="utf-8")))
        kept.with_suffix(".svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
