"""Backups of one host: sent, kept, checked, rehearsed and put back, by restic and rsync."""
