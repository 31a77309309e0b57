"""Edge: images that fit a board and those that do not, and a server that keeps to the GPU."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from deploys import jetson_image
from deploys.edge import Edge
from deploys.hardware import Hardware
from deploys.jetson import Jetson
from deploys.llama_stack import Stack
from deploys.models import Models
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.jetson_linux import Release
from group_data.edge import edge
from group_data.models import models
from operations.entries import File
from tests.unit.sample_models import CHAT, DIGEST

PUBLISHER = "ghcr.io/nvidia-ai-iot/llama_cpp"
R36 = f"{PUBLISHER}:b8708-r36.4-tegra-aarch64-cu126-22.04@{DIGEST}"
R39 = f"{PUBLISHER}:b10373-r38.2.arm64-sbsa-cp312-cu130-24.04@{DIGEST}"
GOOD: dict[str, Any] = {"images": {36: R36, 39: R39}, "model": "chat"}
BOARD = Hardware(physical_cores=6, memory_gib=8, system_gib=3, disk_gib=233)
NO_MARK = "its tag does not say for which Jetson Linux and CUDA which build was made"
UNFIT = [
    # Moved from CUDA 12.6 to 13 one day; on r36 it computes on the processor since.
    (36, f"{PUBLISHER}:latest-jetson-orin@{DIGEST}", NO_MARK),
    (36, f"ghcr.io/ggml-org/llama.cpp:server-cuda-b11223@{DIGEST}", NO_MARK),
    (
        36,
        f"docker.io/dustynv/llama_cpp:b5283-r36.4-cu128-24.04@{DIGEST}",
        "its tag does not have `tegra-aarch64`",
    ),
    (
        36,
        f"{PUBLISHER}:b8708-r36.4-tegra-x86_64-cu126-22.04",
        "its tag does not have `tegra-aarch64`",
    ),
    (36, f"{PUBLISHER}:b4000-r35.4.tegra-aarch64-cu114-20.04", "it was made for r35.4"),
    (36, R39, "it was made for r38.2"),
    (39, R36, "it was made for r36.4"),
    (
        36,
        f"{PUBLISHER}:b9066-r36.4.tegra-aarch64-cu129-22.04",
        "it has CUDA 12.9, and the driver there runs 12.6",
    ),
    (
        39,
        f"{PUBLISHER}:b12000-r39.2.arm64-sbsa-cu132-24.04",
        "it has CUDA 13.2, and the driver there runs 13.0",
    ),
]


def refusal(**change: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        Edge(**{**GOOD, **change})
    (error,) = refused.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(("major", "image", "reason"), UNFIT)
def test_an_image_that_does_not_fit_its_release_is_refused(
    major: int, image: str, reason: str
) -> None:
    example = f"{PUBLISHER}:{jetson_image.TAGS[major]}"
    assert refusal(images={major: image}) == (
        f"`{image}` does not run on the GPU of a board with r{major}: {reason}; "
        f"take one like {example}"
    )


@pytest.mark.parametrize(
    ("major", "tag"),
    [
        *jetson_image.TAGS.items(),
        (36, "b8095-r36.4-tegra-aarch64-cu126-22.04"),
        (36, "b8708-r36.4.0.tegra-aarch64-cu126-22.04"),
        (39, "b12000-r39.2.tegra-aarch64-cu130-24.04"),
    ],
)
def test_an_image_that_fits_is_taken(major: int, tag: str) -> None:
    assert jetson_image.misfit(f"{PUBLISHER}:{tag}@{DIGEST}", major) == ""


def test_a_release_that_nobody_knows_is_no_key() -> None:
    message = "images names r37; known are 36 and 39: deploys/jetpack.py"
    assert refusal(images={37: R36}) == message


def test_without_any_image_there_is_no_server() -> None:
    assert "at least 1 item" in refusal(images={})


OBSTACLES = [
    (Release(36, "4.3"), ""),
    (Release(36, "5"), ""),
    (Release(39, "2.1"), ""),
    (
        Release(36, "3"),
        f"it runs Jetson Linux r36.3, and `{R36}` was made for r36.4; upgrade the board, or name "
        "an older image in group_data/edge.py",
    ),
]


@pytest.mark.parametrize(("release", "reason"), OBSTACLES)
def test_a_board_older_than_its_image_is_refused(release: Release, reason: str) -> None:
    assert Edge(**GOOD).obstacle(release) == reason


def test_a_board_without_an_image_for_its_release_is_refused() -> None:
    assert Edge(images={36: R36}, model="chat").obstacle(Release(39, "2")) == (
        "it runs Jetson Linux r39.2, and group_data/edge.py has an image for r36 alone; add one "
        "for 39 to `images` there, with its digest"
    )


def test_what_is_no_jetson_is_refused() -> None:
    assert "it has no /etc/nv_tegra_release" in Edge(**GOOD).obstacle(Release())


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("-ngl", "is set by the role: all of the model is on the GPU"),
        ("--device", "is set by the role: all of the model is on the GPU"),
        ("--fit", "takes work from the GPU to the processor"),
        ("--no-kv-offload", "takes work from the GPU to the processor"),
        ("--verbose", "is set by the role, which reads in the log whether the GPU works"),
        ("--rpc", "opens the host to whoever reaches the port"),
        ("--cache-ram", "is prompt_cache_mib"),
    ],
)
def test_arguments_that_would_leave_the_gpu_are_refused(argument: str, reason: str) -> None:
    assert refusal(extra_arguments=(argument, "1")) == f"`{argument}` {reason}; take it out"


def stack(image: str = R36) -> Stack:
    return Stack(Edge(**GOOD), image, CHAT, "/srv/models/chat", "192.0.2.1", threads=2)


def server(image: str = R36) -> Any:
    (file,) = (
        entry
        for entry in stack(image).entries("secret-key")
        if isinstance(entry, File) and entry.path.endswith("compose.yaml")
    )
    return yaml.safe_load(file.content)["services"]["server"]


def test_it_ends_without_a_gpu_instead_of_going_on_without() -> None:
    command = " ".join(server()["command"])
    assert server()["entrypoint"] == ["llama-server"]
    assert command.startswith("--model /models/chat.gguf ")
    assert " --device CUDA0 --n-gpu-layers all --fit off " in command


@pytest.mark.parametrize(("image", "verbosity"), [(R36, "3"), (R39, "4")])
def test_each_build_logs_where_the_layers_went(image: str, verbosity: str) -> None:
    assert server(image)["command"][-2:] == ["--log-verbosity", verbosity]


def test_its_container_is_given_the_board_by_nvidias_runtime() -> None:
    found = server()
    assert (found["image"], found["runtime"], found["group_add"]) == (R36, "nvidia", ["44"])
    assert found["environment"]["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert "devices" not in found
    assert "privileged" not in found


def test_the_new_image_is_asked_for_its_gpu_before_it_is_asked_for_its_flags() -> None:
    validate = stack().steps().validate
    listed, flags = validate.index("--list-devices"), validate.index("--log-verbosity 3 --version")
    assert listed < flags
    assert "--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --group-add 44" in validate
    assert f"{R36} finds no GPU on this host" in validate


def test_the_desktop_may_measure_the_link() -> None:
    (port,) = Edge(**GOOD).ports()
    assert (port.number, port.reachable_from) == (8080, ("nginx", "prometheus", "nvidia"))


@pytest.mark.parametrize(
    ("held", "interface"),
    [
        ({"jetson": Jetson(power_mode="25W")}, "l4tbr0"),
        ({"jetson": Jetson(power_mode="25W", usb_device_mode=False)}, ""),
        ({}, ""),
    ],
)
def test_who_holds_the_cable_gets_to_it_over_usb(held: dict[str, Settings], interface: str) -> None:
    board = Machine("board", "192.0.2.1", tuple(held), held, {})
    (port,) = Edge(**GOOD).ports_on(board)
    assert port.interface == interface


def conflicts(settings: Edge, held: Models) -> list[str]:
    board = Machine("board", "192.0.2.1", (), {"models": held}, {"hardware": BOARD})
    return [conflict.what for conflict in settings.conflicts(board, Topology((), ()))]


def test_productions_model_is_on_the_board_and_fits() -> None:
    held = models.holding("llama-3.2-1b-instruct")
    assert [model.name for model in held.held] == ["llama-3.2-1b-instruct"]
    assert conflicts(edge, held) == []


def test_cudas_own_memory_counts_since_all_share_it() -> None:
    (what,) = conflicts(
        edge.model_copy(update={"memory_limit_mib": 2048}), models.holding("llama-3.2-1b-instruct")
    )
    assert "+ CUDA 400" in what


def test_a_model_that_the_catalogue_lacks_cannot_be_held() -> None:
    with pytest.raises(ValueError, match="the catalogue lacks `llama-7b`; it has "):
        models.holding("llama-7b")
