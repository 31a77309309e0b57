"""Git, in the lab: somebody at xps13 may push, and there is a repository to push to."""

from group_data.git import git as _git
from lab.workstation import public_key as _public_key

git = _git.model_copy(
    update={"repositories": (*_git.repositories, "experiments"), "keys": (_public_key(),)}
)
