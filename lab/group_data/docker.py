"""Docker, in the lab: the repository of its own name is signed by a key of this machine."""

import json as _json

from group_data.docker import docker as _docker
from lab.checkout import LOCK_FILE as _LOCK_FILE

docker = _docker.model_copy(
    update={"key_fingerprint": _json.loads(_LOCK_FILE.read_text())["keys"]["docker"]}
)
