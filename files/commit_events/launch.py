#!/usr/bin/python3 -I
"""Launch: `commit-events`, also by its two shorter names for people."""

import sys
from pathlib import Path

sys.path.insert(0, "/usr/local/lib/ai-idp")
sys.dont_write_bytecode = True

from commit_events.command import main  # type: ignore[import-not-found]  # noqa: E402

SHORT = {"watch-repository": ["watch"], "unwatch-repository": ["unwatch"]}

if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    arguments = [*SHORT.get(name, []), *sys.argv[1:]]
    if name in SHORT and len(arguments) == 1:
        sys.exit(f"{name}: say which repository, such as `{name} .`")
    sys.exit(main(arguments))
