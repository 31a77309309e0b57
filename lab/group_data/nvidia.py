"""NVIDIA, in the lab: the keys of the outside world's repositories; all else is production's."""

import json as _json

from deploys.nvidia import Nvidia
from group_data.nvidia import nvidia as _nvidia
from lab.checkout import LOCK_FILE as _LOCK_FILE

_keys = _json.loads(_LOCK_FILE.read_text())["keys"]

nvidia = Nvidia(
    **{
        **_nvidia.model_dump(),
        "driver_key_fingerprint": _keys["nvidia-cuda"],
        "toolkit_key_fingerprint": _keys["nvidia-container-toolkit"],
    }
)
