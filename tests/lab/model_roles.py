"""A deploy of the roles that a fault of a model can reach: those that have files and map them."""

from deploys import embeddings, llama_cpp, models, vllm

models.install()
vllm.install()
llama_cpp.install()
embeddings.install()
