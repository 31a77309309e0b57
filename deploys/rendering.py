"""Templates become files: Jinja with strict names, from `templates/<role>/` of this checkout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> bytes:
    """The text of `templates/<template>` with `values`, as UTF-8; an unknown name is an error."""
    return _environment().get_template(template).render(**values).encode()


def compose_list(words: Sequence[str]) -> str:
    """`words` as a list of compose.yaml: JSON is YAML, and a bare `$` would be Compose's own."""
    return json.dumps(list(words)).replace("$", "$$")
