"""Triton's settings, files and shipped model: what is refused, and how the container is defined."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from deploys import model_repository
from deploys.declarations import GpuClaim, MemoryClaim
from deploys.llama_cpp import LlamaCpp
from deploys.nvidia import Nvidia
from deploys.rendering import render
from deploys.topology import Machine, Topology
from deploys.triton import API_KEY, Triton
from deploys.triton_stack import entries
from operations.entries import Directory, File
from preflight import ports

IMAGE = "nvcr.io/nvidia/tritonserver:25.10-py3"
GOOD: dict[str, Any] = {"image": IMAGE}
MODEL = model_repository.FILES / "models" / "digits"
NO_RELEASE = (
    "is no release with the server and its Python backend; use the tag `YY.MM-py3`, such as "
    "25.10-py3"
)

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"image": "nvcr.io/nvidia/tritonserver:latest"},
        "`nvcr.io/nvidia/tritonserver:latest` may become another program tomorrow; name registry, "
        "repository and the tag of one build: `registry/owner/name:1.2.3@sha256:<64 hex digits>`",
    ),
    (
        {"image": "nvcr.io/nvidia/tritonserver:25.10-py3-sdk"},
        f"`nvcr.io/nvidia/tritonserver:25.10-py3-sdk` {NO_RELEASE}",
    ),
    (
        {"image": "nvcr.io/nvidia/tritonserver:26.06-vllm-python-py3"},
        f"`nvcr.io/nvidia/tritonserver:26.06-vllm-python-py3` {NO_RELEASE}",
    ),
    (
        {"image": "nvcr.io/nvidia/tritonserver:25.05-py3"},
        "`nvcr.io/nvidia/tritonserver:25.05-py3` lets whoever reaches it run programs "
        "(CVE-2025-23310, CVE-2025-23319); use 25.07-py3 or newer",
    ),
    (
        {"models": ()},
        "no model is named: Triton would say that it is ready, and serve nothing; name at least "
        "one of digits",
    ),
    (
        {"models": ("digit",)},
        "`digit` is no folder of files/triton/models; it has digits",
    ),
    (
        {"environment": {"TRITON_API_KEY": "x"}},
        "`TRITON_API_KEY` is read by nothing in Triton; the gateway checks the secret "
        "`triton/api-key`: take it out",
    ),
    (
        {"environment": {"HOME": "/models"}},
        "`HOME` is set by the role; take it out",
    ),
    (
        {"environment": {"HF_TOKEN": "x"}},
        "`HF_TOKEN` would show its value to whoever inspects the container; take it out",
    ),
    (
        {"extra_arguments": ("--http-restricted-api=inference:x-key=secret",)},
        "`--http-restricted-api` would show the key; the gateway checks it; take it out",
    ),
    (
        {"extra_arguments": ("--model-control-mode=poll",)},
        "`--model-control-mode` would let models change while they serve; set models; take it out",
    ),
    (
        {"extra_arguments": ("--exit-on-error=false",)},
        "`--exit-on-error` would hide a model that does not load; take it out",
    ),
    (
        {"extra_arguments": ("--allow-grpc=true",)},
        "`--allow-grpc` opens a port that no role declares; take it out",
    ),
    # getopt_long takes a long argument by its beginning.
    (
        {"extra_arguments": ("--model-control", "explicit")},
        "`--model-control-mode` would let models change while they serve; set models; take it out",
    ),
    (
        {"extra_arguments": ("--http-address=127.0.0.1",)},
        "`--http-address` moves the server from where its users ask; take it out",
    ),
    (
        {"extra_arguments": ("--cuda-memory-pool-byte-size=0:4294967296",)},
        "`--cuda-memory-pool-byte-size` takes memory of the card that the budget does not count; "
        "take it out",
    ),
    (
        {"shared_memory_mib": 1024},
        "shared_memory_mib (1024) leaves nothing of memory_limit_mib (1024) for the server; "
        "lower it",
    ),
    (
        {"gpu_models_mib": 2048},
        "gpu_models_mib is 2048, but gpu is off and no card is given; "
        "set gpu or leave gpu_models_mib out",
    ),
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"image": f"{IMAGE}@sha256:{'d' * 64}"},
    {"image": "nvcr.io/nvidia/tritonserver:25.07-py3"},
    {"image": "nvcr.io/nvidia/tritonserver:26.02-py3", "gpu": True},
    {"image": "nvcr.io/nvidia/tritonserver:26.07-py3"},
    {"models": ("digits",)},
    {"environment": {"OMP_NUM_THREADS": "4"}},
    {"extra_arguments": ("--log-verbose=1",)},
    {"shared_memory_mib": 512},
    {"gpu": True, "gpu_models_mib": 2048},
]


def machine(*groups: str, **settings: Any) -> Machine:
    return Machine("one", "192.0.2.1", (*groups, *settings), settings, {})


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Triton(**{**GOOD, **change})
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"


@pytest.mark.parametrize("change", RIGHT)
def test_right_settings_are_taken(change: dict[str, Any]) -> None:
    settings = Triton(**{**GOOD, **change})
    assert {name: getattr(settings, name) for name in change} == change


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.pbtxt", "files/triton/models/cats has no config.pbtxt; write one"),
        (
            "1/model.py",
            "files/triton/models/cats has no version; put the model's files into its folder `1`",
        ),
    ],
)
def test_a_model_that_triton_could_not_load_is_refused(
    missing: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"config.pbtxt", "1/model.py"} - {missing}:
        file = tmp_path / "models" / "cats" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(model_repository, "FILES", tmp_path)
    with pytest.raises(ValidationError) as refused:
        Triton(**GOOD, models=("cats",))
    assert refused.value.errors()[0]["msg"] == f"Value error, {message}"


def test_the_port_that_the_first_plan_gave_it_and_llama_cpp_clashes() -> None:
    both = machine(
        llama_cpp=LlamaCpp(
            image=f"ghcr.io/x/y:1@sha256:{'d' * 64}",
            model="small",
            threads=1,
            port=8003,
        ),
        triton=Triton(**GOOD, metrics_port=8003),
    )
    (problem,) = ports.clashing(Topology((both,), both.groups))
    assert str(problem) == (
        "one: tcp port 8003 is claimed by llama_cpp (model API) and triton (metrics); "
        "give one of them another port in group_data/triton.py"
    )


def test_its_own_ports_clash_with_none_of_llama_cpp() -> None:
    triton = machine(triton=Triton(**GOOD))
    assert ports.clashing(Topology((triton,), triton.groups)) == []


def test_each_port_is_for_the_one_who_needs_it() -> None:
    reach = {port.number: port.reachable_from for port in Triton(**GOOD).ports()}
    assert reach == {8010: ("nginx",), 8012: ("prometheus",)}
    assert all(port.published_by_container for port in Triton(**GOOD).ports())


def test_metrics_are_asked_for_on_their_own_port_without_a_key() -> None:
    (scrape,) = Triton(**GOOD).scrapes()
    assert (scrape.job, scrape.port, scrape.bearer_secret) == ("triton", 8012, None)


def test_the_gateway_s_key_exists() -> None:
    assert Triton(**GOOD).secrets() == (API_KEY,)


def test_a_check_beside_the_old_server_counts_against_the_memory() -> None:
    assert Triton(**GOOD).memory(machine()) == (MemoryClaim(2048),)
    assert Triton(**GOOD, gpu=True).memory(machine()) == (MemoryClaim(1024),)


def test_without_a_card_it_takes_nothing_of_one() -> None:
    assert Triton(**GOOD).gpu_memory(machine()) == ()


def test_on_a_card_models_pool_and_context_add_up() -> None:
    settings = Triton(**GOOD, gpu=True, gpu_models_mib=2000, gpu_context_mib=500)
    claim = GpuClaim(card=0, share_mib=2564, weights_mib=2000, workspace_mib=64, context_mib=500)
    assert settings.gpu_memory(machine()) == (claim,)


def test_a_card_without_its_driver_is_a_conflict() -> None:
    settings, nobody = Triton(**GOOD, gpu=True), Topology((), ())
    (conflict,) = settings.conflicts(machine("docker"), nobody)
    assert conflict.what == "gpu is on, and the host has no role nvidia, which brings the driver"
    assert conflict.remedy == "add one to `nvidia` in the inventory, or turn gpu off"
    driver = machine(nvidia=Nvidia(driver_version="580.159.04"))
    assert settings.conflicts(driver, nobody) == ()
    assert Triton(**GOOD).conflicts(machine("docker"), nobody) == ()


def test_a_release_that_the_driver_of_the_host_is_too_old_for_is_refused() -> None:
    nobody = Topology((), ())
    image = "nvcr.io/nvidia/tritonserver:26.03-py3"
    settings = Triton(image=image, gpu=True)
    (conflict,) = settings.conflicts(machine(nvidia=Nvidia(driver_version="580.159.04")), nobody)
    assert conflict.what == (
        f"`{image}` needs driver 590 for a card, and the host's is of branch 580"
    )
    assert conflict.remedy == "use 26.02-py3 or older, or turn gpu off"
    newer = machine(nvidia=Nvidia(driver_version="590.44.01"))
    assert settings.conflicts(newer, nobody) == ()
    assert Triton(image=image).conflicts(machine("docker"), nobody) == ()


def stack(**change: Any) -> dict[str, File | Directory]:
    made = entries(Triton(**GOOD, **change), "192.0.2.1")
    return {entry.path: entry for entry in made if isinstance(entry, File | Directory)}


def server(**change: Any) -> Any:
    definition = stack(**change)["/opt/ai-idp/stacks/triton/compose.yaml"]
    assert isinstance(definition, File)
    return yaml.safe_load(definition.content)["services"]["server"]


def test_nobody_but_root_gets_at_the_folder_and_everyone_in_the_container_at_the_models() -> None:
    found = stack()
    modes = {path.removeprefix("/opt/ai-idp/stacks/triton"): e.mode for path, e in found.items()}
    assert modes[""] == "0700"
    assert modes["/models/digits/1"] == "0755"
    assert modes["/models/digits/1/weights.json"] == "0644"


def test_the_repository_holds_the_named_models_and_nothing_that_python_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cats/config.pbtxt", "cats/1/__pycache__/model.pyc", "dogs/config.pbtxt"):
        file = tmp_path / "models" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(model_repository, "FILES", tmp_path)
    (tmp_path / "examples").mkdir()
    made = model_repository.repository_entries(["cats"], "/x")
    paths = ["/x/models", "/x/models/cats", "/x/examples", "/x/models/cats/1"]
    assert [entry.path for entry in made] == [*paths, "/x/models/cats/config.pbtxt"]


def test_the_ports_are_published_on_one_address_and_grpc_is_not() -> None:
    assert server()["ports"] == ["192.0.2.1:8010:8000", "192.0.2.1:8012:8002"]
    assert "--allow-grpc=false" in server()["command"]


def test_the_container_is_hardened() -> None:
    found = server()
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["read_only"]
    assert found["user"] == "65532:65532"
    assert found["shm_size"] == "64m"


def test_a_model_that_does_not_load_ends_the_server() -> None:
    assert {"--exit-on-error=true", "--strict-readiness=true", "--model-control-mode=none"} <= set(
        server()["command"]
    )


def test_what_a_client_could_control_the_server_by_is_behind_a_value_nobody_learns() -> None:
    shell = server()["command"][2]
    assert "--http-restricted-api=shared-memory,model-repository,trace,logging:closed=" in shell
    assert "$$(od -An -tx1 -N32 /dev/urandom" in shell


def test_without_a_card_it_is_given_none() -> None:
    assert "deploy" not in server()
    assert server()["environment"]["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_with_a_card_it_is_given_that_one() -> None:
    (device,) = server(gpu=True, card=1)["deploy"]["resources"]["reservations"]["devices"]
    assert device == {
        "driver": "cdi",
        "device_ids": ["nvidia.com/gpu=1"],
        "capabilities": ["gpu"],
    }


def test_a_dollar_in_a_variable_reaches_the_container() -> None:
    assert server(environment={"PATTERN": "a$b"})["environment"]["PATTERN"] == "a$$b"


def test_the_models_are_mounted_read_only() -> None:
    (mount,) = server()["volumes"]
    assert (mount["source"], mount["read_only"]) == ("/opt/ai-idp/stacks/triton/models", True)


def test_the_probe_asks_each_model_for_its_example() -> None:
    text = render(
        "triton/steps/probe.sh.j2",
        directory="/d",
        settings=Triton(**GOOD),
        examples=["digits"],
        url="http://192.0.2.1:8010",
        metrics_url="http://192.0.2.1:8012",
    ).decode()
    assert "--data @/d/examples/digits.json http://192.0.2.1:8010/v2/models/digits/infer" in text


class Tensor:
    """Stands for Triton's tensor: a name and an array."""

    def __init__(self, name: str, array: Any) -> None:
        self.name, self.array = name, array

    def as_numpy(self) -> Any:
        return self.array


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shipped model, initialised; the module that only Triton has is a small one of ours."""
    backend = ModuleType("triton_python_backend_utils")
    vars(backend).update(
        Tensor=Tensor,
        InferenceResponse=list,
        get_input_tensor_by_name=lambda request, name: request[name],
    )
    monkeypatch.setitem(sys.modules, backend.__name__, backend)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("digits", MODEL / "1" / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.TritonPythonModel()
    model.initialize({})
    yield model


def example() -> Any:
    request = json.loads((model_repository.FILES / "examples" / "digits.json").read_text())
    return np.array(request["inputs"][0]["data"], dtype=np.float32).reshape(1, 64)


def test_the_model_knows_its_example(digits: Any) -> None:
    expected = (model_repository.FILES / "examples" / "digits.txt").read_text()
    labels = (MODEL / "labels.txt").read_text().split()
    (probabilities,) = digits.probabilities(example())
    found = int(probabilities.argmax())
    assert f":{found}:{labels[found]}\n" == expected
    assert probabilities[found] > 0.9


def test_probabilities_are_what_the_configuration_promises(digits: Any) -> None:
    ((answer,),) = digits.execute([{"PIXELS": Tensor("PIXELS", np.repeat(example(), 3, axis=0))}])
    assert answer.name == "PROBABILITIES"
    assert (answer.array.dtype, answer.array.shape) == (np.float32, (3, 10))
    assert answer.array.sum(axis=1) == pytest.approx(1)


def test_the_weights_are_small() -> None:
    assert (MODEL / "1" / "weights.json").stat().st_size < 60_000
