"""Commit events, in the lab: nobody waits minutes there for a second try."""

from group_data.commit_events import commit_events as _commit_events

commit_events = _commit_events.model_copy(update={"retry_seconds": 5, "untagged_seconds": 10})
