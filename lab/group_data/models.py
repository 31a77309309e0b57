"""Models, in the lab: the catalogue with the bytes that the outside world of it has."""

import json as _json

from deploys.catalogue import Model as _Model
from group_data.models import models as _models
from lab.checkout import LOCK_FILE as _LOCK_FILE

_locked = _json.loads(_LOCK_FILE.read_text())["models"]


def _as_offered(_model: _Model) -> _Model:
    """With the lab's bytes; what is unknown of the real one stays unknown until it came."""
    _sums = _locked[_model.name]
    _files = tuple(
        _file.model_copy(
            update={
                "bytes": _sums[_file.path]["bytes"],
                "sha256": _file.sha256 and _sums[_file.path]["sha256"],
            }
        )
        for _file in _model.files
    )
    return _model.model_copy(update={"files": _files})


models = _models.model_copy(
    update={
        "catalogue": tuple(
            _as_offered(_model) for _model in _models.catalogue if _model.name in _locked
        ),
        "without": ("llama-3.2-1b-instruct",),
        "reserve_gib": 0,
    }
)
