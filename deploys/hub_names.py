"""The hub's names: what a model's owner and files tell, before the hub is asked for one."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Asked for these, the hub answers "not found" or "not allowed", the same as for a misspelt name.


def complaint(repository: str, files: Sequence[str], gated: bool) -> str:
    """What is wrong with these names, with the way out; empty if nothing is known to be."""
    owner, _, name = repository.partition("/")
    complaints = (_missing(owner, name), _gated(owner, name, gated), _misspelt(owner, name, files))
    return next((found for found in complaints if found), "")


def _missing(owner: str, name: str) -> str:
    if owner == "TheBloke" and re.match(r"(Meta-)?Llama-3\.\d", name, re.IGNORECASE):
        return (
            f"there is no `{owner}/{name}`: TheBloke stopped early in 2024, before Llama 3.1; take "
            "bartowski's GGUF files, or RedHatAI's in FP8 for vLLM"
        )
    if owner == "TinyLlama" and name.endswith("-AWQ"):
        return (
            f"there is no `{owner}/{name}`: TinyLlama has no AWQ files; TheBloke/{name} is a copy "
            "of the model in AWQ"
        )
    return ""


def _gated(owner: str, name: str, gated: bool) -> str:
    if owner != "meta-llama" or gated:
        return ""
    return (
        f"`{owner}/{name}` is only for who accepted its licence, as all of meta-llama; "
        "set gated=True"
    )


def _misspelt(owner: str, name: str, files: Sequence[str]) -> str:
    """bartowski names each file `<repository without -GGUF>-<quantisation>.gguf`."""
    stem = name.removesuffix("-GGUF")
    for file in files if owner == "bartowski" else ():
        found = re.fullmatch(rf"{re.escape(stem)}[.-](.+\.gguf)", file, re.IGNORECASE)
        if found and file != (right := f"{stem}-{found[1]}"):
            return f"`{owner}/{name}` has no `{file}`; its case and dots count: write `{right}`"
    return ""
