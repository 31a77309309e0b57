"""Backup: no NAS is known yet. The host that keeps the notes keeps the encrypted secrets too."""

from deploys.backup import Backups

backup = Backups(target=None, secret_store_on="sclimers-automation")
