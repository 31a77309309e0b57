"""vLLM: the 8B chat model on the 16 GB card, which leaves a fifth of it to others."""

from deploys.vllm import Vllm

vllm = Vllm(
    image="docker.io/vllm/vllm-openai:v0.33.0",
    model="llama-3.1-8b-instruct-fp8",
)
