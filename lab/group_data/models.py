"""Models, in the lab: the catalogue's model with the bytes that the outside world of it has."""

import json as _json

from deploys.models import Model, Models
from group_data.models import models as _models
from lab.checkout import LOCK_FILE as _LOCK_FILE

_locked = _json.loads(_LOCK_FILE.read_text())["models"]

models = Models(
    catalogue=tuple(
        Model(**{**_model.model_dump(), **_locked[_model.file]}) for _model in _models.catalogue
    ),
    reserve_gib=0,
)
