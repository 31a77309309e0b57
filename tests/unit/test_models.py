"""The models' settings: what a catalogue has to say of a model before one byte is fetched."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from budget.architecture import Architecture
from deploys.models import Model, ModelFile, Models, client_environment

GOOD: dict[str, Any] = {
    **{"name": "small", "repository": "owner/Small-GGUF", "revision": "a" * 40},
    **{"files": (ModelFile(path="small.gguf", bytes=10, sha256="b" * 64),)},
    **{"licence": "mit", "format": "gguf"},
    "architecture": Architecture(context_tokens=4096, vocabulary=32_000),
}
SMALL = Model(**GOOD)

WRONG = {
    "repository": [
        ("Small-GGUF", "`Small-GGUF` is no repository of the hub; write `owner/name`"),
    ],
    "revision": [
        (
            "main",
            "`main` may become other bytes tomorrow; give the commit's 40 hex digits",
        ),
        (
            "A" * 40,
            f"`{'A' * 40}` may become other bytes tomorrow; give the commit's 40 hex digits",
        ),
    ],
}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [(field, value, message) for field, cases in WRONG.items() for value, message in cases],
)
def test_what_does_not_pin_a_model_is_refused(field: str, value: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Model(**{**GOOD, field: value})
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "..", ".incoming"])
def test_a_name_stays_inside_its_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        Model(**{**GOOD, "name": name})


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../evil", "a//b", "", ".", "a b"])
def test_a_file_stays_inside_its_folder(path: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ModelFile(path=path, bytes=1)
    expected = f"`{path}` is no path of a repository; write `folder/file` or `file`"
    assert expected in str(refused.value)


def test_a_file_may_lie_in_a_folder_of_its_repository() -> None:
    assert ModelFile(path="onnx/model.onnx", bytes=1).path == "onnx/model.onnx"


def test_what_is_no_checksum_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        ModelFile(path="small.gguf", bytes=1, sha256="b" * 63)
    expected = f"`{'b' * 63}` is no sha256 (64 hex digits); the hub shows it on the file's page"
    assert expected in str(refused.value)


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Models(catalogue=(SMALL, SMALL))
    assert "catalogue has two models `small`; name one of them otherwise" in str(refused.value)


def test_a_model_is_found_by_its_name() -> None:
    assert Models(catalogue=(SMALL,)).named("small") is SMALL


def test_the_client_tells_nobody_and_trusts_whom_the_host_trusts() -> None:
    environment = client_environment(Models(catalogue=(SMALL,)))
    assert environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert environment["SSL_CERT_FILE"] == "/etc/ssl/certs/ca-certificates.crt"
    assert "HF_ENDPOINT" not in environment


def test_a_mirror_is_passed_to_the_client() -> None:
    settings = Models(catalogue=(SMALL,), hub="https://hub.home.arpa")
    assert client_environment(settings)["HF_ENDPOINT"] == "https://hub.home.arpa"
