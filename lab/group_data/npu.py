"""NPU, in the lab: the driver that the outside world has, for who works at the laptop."""

import json as _json

from deploys.npu_driver import driver_url as _driver_url
from group_data.npu import npu as _npu
from lab.checkout import LOCK_FILE as _LOCK_FILE
from lab.machines import OWNER as _OWNER

_releases = _json.loads(_LOCK_FILE.read_text())["releases"]
_sum = _releases[_driver_url(_npu.driver_release, "ubuntu2404")]

npu = _npu.model_copy(
    update={
        "users": (_OWNER.user,),
        "driver_sha256": {**_npu.driver_sha256, "ubuntu2404": _sum},
    }
)
