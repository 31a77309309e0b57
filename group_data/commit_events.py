"""Commit events: what is watched on workstations, and how often n8n is told."""

from deploys.commit_events import CommitEvents

commit_events = CommitEvents(
    # Repositories of people, as Watched(user="me", path="/home/me/project") of
    # deploys/commit_events_hooks.py; whoever works on a host of the role can also type
    # `watch-repository PATH`.
    watched=(),
)
