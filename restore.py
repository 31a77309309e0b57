"""Restore: puts back data of the hosts that `--limit` names (`--data what=...` names which)."""

from pyinfra import host

from deploys import backup

backup.restore(
    what=tuple(str(host.data.get("what") or "").replace(",", " ").split()),
    snapshot=str(host.data.get("snapshot") or ""),
)
