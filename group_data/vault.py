"""Vault: how soon what was written is everywhere."""

from deploys.vault import Vault

vault = Vault()
