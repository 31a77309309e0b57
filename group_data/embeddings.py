"""Embeddings: nomic-embed-text on a third of the cores; the rest is for the chat model."""

from deploys.embeddings import Embeddings
from group_data.llama_cpp import llama_cpp as _llama_cpp

embeddings = Embeddings(
    # One build for both: a pin is checked once.
    image=_llama_cpp.image,
    model="nomic-embed-text-v1.5",
    threads=4,
)
