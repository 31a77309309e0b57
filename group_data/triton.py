"""Triton: one small model on the processor; the card is vLLM's."""

from deploys.triton import Triton

triton = Triton(image="nvcr.io/nvidia/tritonserver:25.10-py3")
