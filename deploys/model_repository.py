"""Model repository: the models of files/triton that a Triton server is given, and their examples.

A model is a folder of `models/`, laid out as Triton wants it. Beside them, `examples/<model>.json`
is a request, and `examples/<model>.txt` a text that the answer to it contains.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from operations.entries import Directory, Entry, File

FILES = Path(__file__).parent.parent / "files" / "triton"


def known_models() -> list[str]:
    """The names of the models that there are."""
    return sorted(folder.name for folder in (FILES / "models").iterdir() if folder.is_dir())


def with_example(models: Iterable[str]) -> list[str]:
    """Those of `models` that can be asked for something whose answer is known."""
    return [model for model in models if (FILES / "examples" / f"{model}.json").exists()]


def refuse_unfit(model: str) -> None:
    """ValueError where Triton could not load `model`, or would ignore it."""
    folder, known = FILES / "models" / model, known_models()
    if model not in known:
        near = " and ".join(get_close_matches(model, known) or known)
        raise ValueError(f"`{model}` is no folder of files/triton/models; it has {near}")
    if not (folder / "config.pbtxt").exists():
        raise ValueError(f"files/triton/models/{model} has no config.pbtxt; write one")
    if not any(part.name.isdecimal() and part.is_dir() for part in folder.iterdir()):
        raise ValueError(
            f"files/triton/models/{model} has no version; put the model's files into its folder `1`"
        )


def repository_entries(models: Iterable[str], directory: str) -> list[Entry]:
    """The files of `models` and of their examples, below `directory` on the host."""
    folders = [
        FILES / "models",
        *(FILES / "models" / model for model in models),
        FILES / "examples",
    ]
    inside = [path for folder in folders[1:-1] for path in sorted(folder.rglob("*"))]
    examples = [
        FILES / "examples" / f"{model}{end}"
        for model in with_example(models)
        for end in (".json", ".txt")
    ]
    paths = [path for path in (*folders, *inside, *examples) if "__pycache__" not in path.parts]
    return [_copy(path, f"{directory}/{path.relative_to(FILES).as_posix()}") for path in paths]


def _copy(path: Path, target: str) -> Entry:
    return Directory(target) if path.is_dir() else File(target, path.read_bytes())
