#!/usr/bin/python3 -I
"""Launch: `vault-sync`."""

import sys

sys.path.insert(0, "/usr/local/lib/ai-idp")
sys.dont_write_bytecode = True

from vault_sync.command import main  # type: ignore[import-not-found]  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
