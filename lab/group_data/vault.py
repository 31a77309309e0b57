"""Vault, in the lab: nobody waits a minute there for a round that no event has started."""

from group_data.vault import vault as _vault

vault = _vault.model_copy(update={"interval_seconds": 10})
