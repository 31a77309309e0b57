"""Triton, in the lab: the release that the outside world has."""

import json as _json

from deploys.triton import Triton
from lab.checkout import LOCK_FILE as _LOCK_FILE

triton = Triton(image=_json.loads(_LOCK_FILE.read_text())["images"]["triton"], memory_limit_mib=512)
