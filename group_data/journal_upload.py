"""Journal upload: every host keeps the same amount of its own journal."""

from deploys.journal_upload import JournalUpload

journal_upload = JournalUpload()
