"""Commands of the seeds that fail or harm: no script, step or module of the roll-out says them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.layout import production_files

ROOT = Path(__file__).parents[2]

# A pattern, the seed's line, and what it should have been.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "roadmap:90: vLLM is compiled on the host": (
        r"\bpip3? install -e\b",
        "pip install -e .",
        "docker pull docker.io/vllm/vllm-openai:v0.33.0",
    ),
    "roadmap:93: the hub's former client": (
        r"\bhuggingface-cli\b",
        "huggingface-cli download meta-llama/Llama-3.1-8B-Instruct",
        "hf download meta-llama/Llama-3.1-8B-Instruct",
    ),
    "roadmap:95: an argument that the hub's client lost": (
        r"--resume-download\b",
        "  --resume-download \\",
        "  --local-dir /srv/models/llama \\",
    ),
    "roadmap:146: the project's former home": (
        r"github\.com/ggerganov\b",
        "git clone https://github.com/ggerganov/llama.cpp",
        "git clone https://github.com/ggml-org/llama.cpp",
    ),
    "roadmap:458: a key for each reading of a file": (
        r"^\w+=\$\(openssl rand\b",
        "VLLM_API_KEY=$(openssl rand -hex 32)",
        "VLLM_API_KEY_FILE=/run/secrets/api-key",
    ),
    "roadmap:543: Compose 1": (
        r"\bdocker-compose (-f|up|down|ps|logs|exec|pull|restart)\b",
        "docker-compose up -d",
        "docker compose up -d",
    ),
    "roadmap:723: a certificate that nobody checks": (
        r"\bcurl\b.* (-[a-zA-Z]*k[a-zA-Z]*|--insecure)\b",
        "curl -k https://vllm.sclimers.local/vllm/health",
        "curl --cacert ca.crt https://gateway.ai-idp.home.arpa/vllm/health",
    ),
    "corrections:156: a key in everybody's shell": (
        r">> *~/\.bashrc",
        "echo KEY=$KEY >> ~/.bashrc",
        'printf %s "$key" >/run/secrets/api-key',
    ),
    "tuning:126: a restart that applies nothing": (
        r"\bdocker compose\b.* restart\b",
        "docker compose -f infrastructure/docker/docker-compose.yml restart local-ai-embed-1",
        "docker compose up -d --force-recreate",
    ),
    "tuning:216: a build option that is gone": (
        r"-DLLAMA_CUDA",
        "cmake .. -DLLAMA_CUDA=ON -DLLAMA_CUDA_F16=ON",
        "cmake .. -DGGML_CUDA=ON",
    ),
}
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(errors="replace")
    for path in [*production_files(ROOT), ROOT / "setup", ROOT / "Makefile"]
}


@pytest.mark.parametrize(("pattern", "wrong", "right"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_of_the_seeds_is_nowhere(pattern: str, wrong: str, right: str) -> None:
    said = re.compile(pattern, re.MULTILINE)
    assert said.search(wrong)
    assert not said.search(right)
    assert [name for name, text in TEXTS.items() if said.search(text)] == []
