"""Digits: classifies handwritten digits of 8x8 pixels, in Triton's Python backend."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton

BRIGHTEST_PIXEL = 16


class TritonPythonModel:
    """One hidden layer; the weights lie beside this file."""

    def initialize(self, args: dict[str, str]) -> None:
        layers = json.loads(Path(__file__).with_name("weights.json").read_text())["layers"]
        self.hidden, self.output = (
            (
                np.array(layer["weights"], dtype=np.float32),
                np.array(layer["biases"], dtype=np.float32),
            )
            for layer in layers
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        pixels = triton.get_input_tensor_by_name(request, "PIXELS").as_numpy()
        probabilities = triton.Tensor("PROBABILITIES", self.probabilities(pixels))
        return triton.InferenceResponse([probabilities])

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """For images of 64 pixels from 0 to 16, in rows: the probabilities of the ten digits."""
        active = np.maximum(pixels / BRIGHTEST_PIXEL @ self.hidden[0] + self.hidden[1], 0)
        scores = active @ self.output[0] + self.output[1]
        # Large scores would overflow; only their differences count.
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return found
