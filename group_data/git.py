"""Git: which repositories there are, and whose keys may come."""

from deploys.git import Git

git = Git(
    repositories=("projects",),
    # The one line of each person's ~/.ssh/id_ed25519.pub.
    keys=(),
)
