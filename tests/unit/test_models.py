"""The models' settings: what a catalogue has to say of a model before one byte is fetched."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from budget.architecture import Architecture
from deploys.catalogue import Model, ModelFile
from deploys.declarations import DiskClaim, GivenSecret
from deploys.models import Models, client_environment
from deploys.topology import Machine
from group_data.models import models as production

GOOD: dict[str, Any] = {
    **{"name": "small", "repository": "owner/Small-GGUF", "revision": "a" * 40},
    **{"files": (ModelFile(path="small.gguf", bytes=10, sha256="b" * 64),)},
    **{"licence": "mit", "format": "gguf"},
    "architecture": Architecture(context_tokens=4096, vocabulary=32_000),
}
SMALL = Model(**GOOD)
OTHER = Model(**{**GOOD, "name": "other"})

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


def test_a_model_without_weights_of_its_format_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Model(**{**GOOD, "format": "safetensors"})
    expected = "small has no `*.safetensors` file, which its format says; add its weights"
    assert expected in str(refused.value)


def test_a_file_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Model(**{**GOOD, "files": GOOD["files"] * 2})
    assert "small has the file `small.gguf` twice; name it once" in str(refused.value)


def test_the_weights_are_told_from_the_rest() -> None:
    files = (*GOOD["files"], ModelFile(path="config.json", bytes=5))
    model = Model(**{**GOOD, "files": files})
    assert (model.bytes, model.weights_bytes, model.main_file) == (15, 10, "small.gguf")


def test_a_model_of_two_gguf_files_has_no_main_file() -> None:
    files = (*GOOD["files"], ModelFile(path="b.gguf", bytes=5))
    with pytest.raises(
        ValueError, match=r"small has 2 `\*.gguf` files, but llama.cpp is given one"
    ):
        _ = Model(**{**GOOD, "files": files}).main_file


@pytest.mark.parametrize(
    "changes",
    [
        {"revision": "c" * 40},
        {"repository": "other/Small"},
        {"files": (ModelFile(path="small.gguf", bytes=10, sha256="c" * 64),)},
    ],
)
def test_another_content_has_another_fingerprint(changes: dict[str, Any]) -> None:
    assert Model(**{**GOOD, **changes}).fingerprint != SMALL.fingerprint


def test_what_does_not_change_the_bytes_keeps_the_fingerprint() -> None:
    assert Model(**{**GOOD, "name": "other", "licence": "x"}).fingerprint == SMALL.fingerprint


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Models(catalogue=(SMALL, SMALL))
    assert "catalogue has two models `small`; name one of them otherwise" in str(refused.value)


def test_to_do_without_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Models(catalogue=(SMALL,), without=("smal",))
    expected = "without names `smal`, which the catalogue lacks; take it out"
    assert expected in str(refused.value)


def test_a_model_is_found_by_its_name() -> None:
    assert Models(catalogue=(SMALL,)).named("small") is SMALL


def test_a_model_that_the_host_does_without_is_not_held() -> None:
    settings = Models(catalogue=(SMALL, OTHER), without=("small",))
    assert settings.held == (OTHER,)
    with pytest.raises(KeyError):
        settings.named("small")


def test_each_revision_has_a_folder_of_its_own() -> None:
    settings = Models(catalogue=(SMALL,), directory="/data")
    newer = SMALL.model_copy(update={"revision": "c" * 40})
    assert settings.folder(SMALL) == f"/data/small/{'a' * 40}"
    assert settings.folder(newer) == f"/data/small/{'c' * 40}"


def test_the_disk_has_to_hold_every_model_and_the_reserve() -> None:
    settings = Models(catalogue=(SMALL, OTHER), reserve_gib=2)
    (claim,) = settings.disk(Machine("one", "192.0.2.1", (), {}, {}))
    assert claim == DiskClaim("/srv/models", 20, 2 * 1024**3)


def test_a_gated_model_asks_for_the_token_of_the_hub() -> None:
    gated = SMALL.model_copy(update={"gated": True})
    (secret,) = Models(catalogue=(gated, OTHER)).given_secrets()
    assert secret == GivenSecret(
        "models/hub-token",
        "small is gated, and the secret store has no token of the hub",
        "accept the licence on https://huggingface.co/owner/Small-GGUF, make a token on "
        "https://huggingface.co/settings/tokens that may read gated repositories, then: "
        "make secret NAME=models/hub-token GIVE=1",
    )


def test_no_gated_model_needs_no_token() -> None:
    assert Models(catalogue=(SMALL,)).given_secrets() == ()


def test_the_client_tells_nobody_and_trusts_whom_the_host_trusts() -> None:
    environment = client_environment(Models(catalogue=(SMALL,)))
    assert environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert environment["SSL_CERT_FILE"] == "/etc/ssl/certs/ca-certificates.crt"
    assert "HF_ENDPOINT" not in environment


def test_a_mirror_is_passed_to_the_client() -> None:
    settings = Models(catalogue=(SMALL,), hub="https://hub.home.arpa")
    assert client_environment(settings)["HF_ENDPOINT"] == "https://hub.home.arpa"


def test_no_file_of_the_production_catalogue_is_unpinned() -> None:
    """A sum may be open until the first download; the commit never is."""
    assert {model.name for model in production.catalogue if open_files(model)} == {
        "llama-3.1-8b-instruct-fp8",
        "llama-3.1-8b-instruct-eagle3",
    }


def open_files(model: Model) -> list[str]:
    return [file.path for file in model.files if file.sha256 is None]
