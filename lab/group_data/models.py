"""Models, in the lab: the catalogue with revisions and bytes that the outside world of it has."""

import json as _json

from deploys.models import Model as _Model
from deploys.models import ModelFile as _ModelFile
from group_data.models import models as _models
from lab.checkout import LOCK_FILE as _LOCK_FILE

_locked = _json.loads(_LOCK_FILE.read_text())["models"]


def _as_offered(_model: _Model) -> _Model:
    _entry = _locked[_model.main_file]
    _file = _ModelFile(path=_model.main_file, bytes=_entry["bytes"], sha256=_entry["sha256"])
    return _model.model_copy(update={"revision": _entry["revision"], "files": (_file,)})


models = _models.model_copy(
    update={
        "catalogue": tuple(
            _as_offered(_model)
            for _model in _models.catalogue
            if _model.format == "gguf" and _model.main_file in _locked
        ),
        "without": ("llama-3.2-1b-instruct",),
        "reserve_gib": 0,
    }
)
