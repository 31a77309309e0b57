"""Commit events: each new commit of a watched repository reaches the webhook, once it can."""
