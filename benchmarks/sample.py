"""The sample: a number of templated files that two deploys bring to hosts in two ways."""

from pathlib import Path
from typing import Any

DIRECTORY = "/etc/ai-idp-benchmark"
SERVICE = "benchmark"
TEMPLATE = Path(__file__).with_name("sample.conf.j2")
MODE, DIRECTORY_MODE = "0640", "0750"
NUMBERS = range(40)
WHITESPACE: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}


def path(number: int) -> str:
    return f"{DIRECTORY}/{number}.conf"
