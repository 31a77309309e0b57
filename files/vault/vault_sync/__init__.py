"""Vault sync: what n8n writes in the working vault and what people push become one history."""
