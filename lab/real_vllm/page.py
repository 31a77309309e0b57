"""docs/real-vllm.md: what the recorded run found, and nothing else."""

from __future__ import annotations

import shlex

from jinja2 import Environment, StrictUndefined

from lab.checkout import ROOT
from lab.real_vllm import contract
from lab.real_vllm.result import FILE, Result

DOCUMENT = ROOT / "docs" / "real-vllm.md"
TEMPLATE = FILE.with_name("real-vllm.md.j2")
REFUSAL = "refusal: "
METRICS = "metric"
METHODS = ("GET ", "POST ")


def page(result: Result) -> str:
    """The document that `result` generates."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    answers = result.answers
    paths = {name: answer for name, answer in answers.items() if name.startswith(METHODS)}
    special = (*METHODS, REFUSAL, METRICS)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        wrong=result.wrong,
        command=shlex.join(result.command),
        paths=paths,
        open=[f"`{name}`" for name, answer in paths.items() if is_open(answer)],
        bodies=[name for name in answers if not name.startswith(special)],
        families=sum(not name.endswith("_created") for name in answers["metric types"]),
        refused={
            name.removeprefix(REFUSAL): answer
            for name, answer in answers.items()
            if name.startswith(REFUSAL)
        },
        exceptions=contract.EXCEPTIONS,
    )


def is_open(answer: dict[str, int]) -> bool:
    """Whether a path is there and does something without a key."""
    return answer["no key"] not in (401, 404, 405)


def write(result: Result) -> None:
    DOCUMENT.write_text(page(result), encoding="utf-8")
