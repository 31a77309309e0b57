"""llama.cpp: the 3B chat model on the twelve cores of a Ryzen 9 9900X."""

from deploys.llama_cpp import LlamaCpp

llama_cpp = LlamaCpp(
    image=(
        "ghcr.io/ggml-org/llama.cpp:server-b11223"
        "@sha256:8fdfad183be053cdb72d4b6a5930c3a2475730f932855ee9260193422c2564ed"
    ),
    model="llama-3.2-3b-instruct",
)
