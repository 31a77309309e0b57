"""The secret store: values made once, kept encrypted with age, one file for each secret."""

from secret_store.identity import SecretStoreError
from secret_store.store import SecretStore, for_data

__all__ = ["SecretStore", "SecretStoreError", "for_data"]
