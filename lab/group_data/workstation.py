"""Workstation, in the lab: its programs ask the model server that is the real one there."""

from group_data.workstation import workstation as _workstation
from lab.machines import OWNER as _OWNER

workstation = _workstation.model_copy(update={"user": _OWNER.user, "model_server": "llama_cpp"})
