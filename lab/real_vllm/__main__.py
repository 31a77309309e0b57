"""`python -m lab.real_vllm`: asks the real vLLM and the stand-in, compares, and records."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from group_data.vllm import vllm
from lab import engine
from lab.engine import LabError
from lab.progress import say, step
from lab.real_vllm import contract, image, models, page, questions, refusals
from lab.real_vllm.questions import Answers
from lab.real_vllm.result import Result
from lab.real_vllm.server import Program, running
from lab.servers import vllm as stand_in

NVIDIA_SMI = Path(__file__).parent / "nvidia-smi"
ON_A_PROCESSOR = ("--enforce-eager",)
"""What the real one is told beyond production's command line: the image has no compiler."""


class Stopwatch:
    """Whole seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, int] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with step(name):
            yield
        self.seconds[name] = round(time.monotonic() - began)


def answers(program: Program, clock: Stopwatch) -> Answers:
    """Everything that one server is asked, and everything that it refuses."""
    model = models.served()
    arguments = vllm.arguments(model)
    with (
        clock.step(f"Start the {program.name} and ask it"),
        running(program, model.name, arguments) as server,
    ):
        say(f"the {program.name} takes production's command line, and is healthy")
        heard = questions.ask_all(server)
    with clock.step(f"Have the {program.name} refuse"):
        context = model.architecture.context_tokens
        return heard | refusals.ask_all(program, model.name, context)


def _real(directory: Path, tag: str) -> Program:
    return Program("real-vllm", tag, directory, arguments=ON_A_PROCESSOR)


def _stand_in(directory: Path, tag: str) -> Program:
    card = ("--volume", f"{NVIDIA_SMI}:/usr/bin/nvidia-smi:ro")
    return Program("vllm-stand-in", tag, directory, options=card)


def main() -> int:
    """0 if the two differ only where they may; the real one's answers are recorded anyway."""
    try:
        return compare()
    except LabError as error:
        print(f"real-vllm: {error}", file=sys.stderr)
        return 1


def compare() -> int:
    """Ask both, write the result and its page, and print the differences."""
    engine.ensure()
    clock = Stopwatch()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        models.write(directory)
        real_image, stand_in_image = image.build(), stand_in.build()
        real = answers(_real(directory, real_image), clock)
        other = answers(_stand_in(directory, stand_in_image), clock)
    command = ["vllm", "serve", *vllm.arguments(models.served()), *ON_A_PROCESSOR]
    versions = image.versions(real_image)
    wrong, idle = contract.verdict(real, other)
    result = Result(
        date=date.today().isoformat(),
        versions=versions,
        command=command,
        seconds=clock.seconds,
        answers=real,
        wrong=[asdict(difference) for difference in wrong],
    )
    result.write()
    page.write(result)
    for difference in wrong:
        print(difference)
    for exception in idle:
        print(f"the exception for {exception} is no longer needed; take it out of contract.py")
    say(f"{len(real)} questions: {len(wrong)} differences, {len(idle)} idle exceptions")
    return 1 if wrong or idle else 0


if __name__ == "__main__":
    sys.exit(main())
