"""Workstation: who works at the desk, and which model server their programs ask."""

from deploys.workstation import Workstation

workstation = Workstation(
    # The login of whoever works at xps13, as its installer made it.
    user="owner",
    # `llama_cpp` or `edge` where no card is.
    model_server="vllm",
)
