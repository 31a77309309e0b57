"""Training: makes the weights of the model `digits` and measures them on digits that it never saw.

    python3 -m venv /tmp/train && /tmp/train/bin/pip install scikit-learn==1.9.1
    /tmp/train/bin/python files/triton/train_digits.py

Writes models/digits/1/weights.json and examples/digits.json, and prints the accuracy that
digits.md states. Nothing but this script needs scikit-learn.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

FOLDER = Path(__file__).parent
SEED = 20251121
HIDDEN_UNITS = 48
TEST_SHARE = 0.25
BRIGHTEST_PIXEL = 16
DECIMALS = 4


def main() -> None:
    digits = load_digits()
    shares = train_test_split(
        digits.data, digits.target, test_size=TEST_SHARE, random_state=SEED, stratify=digits.target
    )
    images, unseen_images, classes, unseen_classes = shares
    classifier = MLPClassifier((HIDDEN_UNITS,), alpha=0.01, max_iter=500, random_state=SEED)
    classifier.fit(images / BRIGHTEST_PIXEL, classes)
    layers = [
        {"weights": matrix.round(DECIMALS).tolist(), "biases": biases.round(DECIMALS).tolist()}
        for matrix, biases in zip(classifier.coefs_, classifier.intercepts_, strict=True)
    ]
    _write("models/digits/1/weights.json", {"layers": layers})
    found = _classes(layers, unseen_images / BRIGHTEST_PIXEL)
    right = int((found == unseen_classes).sum())
    print(f"{right} of {len(found)} unseen digits are right ({100 * right / len(found):.1f} %)")
    example = int(np.flatnonzero((unseen_classes == 7) & (found == 7))[0])
    _write("examples/digits.json", _request(unseen_images[example]))


def _classes(layers: list[dict[str, list[float]]], pixels: np.ndarray) -> np.ndarray:
    """What the rounded weights make of `pixels`: the served numbers, not the trained ones."""
    hidden, output = ((np.array(layer["weights"]), np.array(layer["biases"])) for layer in layers)
    active = np.maximum(pixels @ hidden[0] + hidden[1], 0)
    classes: np.ndarray = (active @ output[0] + output[1]).argmax(axis=1)
    return classes


def _request(pixels: np.ndarray) -> dict[str, object]:
    """One digit as Triton is asked for its class: the answer is `probability:class:label`."""
    image = {"name": "PIXELS", "shape": [1, 64], "datatype": "FP32", "data": pixels.tolist()}
    answer = {"name": "PROBABILITIES", "parameters": {"classification": 1}}
    return {"inputs": [image], "outputs": [answer]}


def _write(name: str, content: dict[str, object]) -> None:
    (FOLDER / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
