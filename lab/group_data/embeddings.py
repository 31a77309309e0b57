"""Embeddings, in the lab: the build that the outside world has, on a small machine."""

import json as _json

from deploys.embeddings import Embeddings
from lab.checkout import LOCK_FILE as _LOCK_FILE

embeddings = Embeddings(
    image=_json.loads(_LOCK_FILE.read_text())["images"]["llama_cpp"],
    model="nomic-embed-text-v1.5",
)
