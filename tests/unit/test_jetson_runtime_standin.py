"""The lab's stand-in for NVIDIA's container runtime: it gives the board to who asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.standins.jetson_runtime.runtime import NO_BOARD, bundle, give_board, wants_gpu

LIBCUDA = "usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1"


def config(*environment: str) -> dict[str, Any]:
    return {"process": {"env": ["PATH=/bin", *environment]}}


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A root file system of a Jetson; /dev/null plays its one node, as only root makes others."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.3,\n")
    (tmp_path / LIBCUDA).parent.mkdir(parents=True)
    (tmp_path / LIBCUDA).write_text("CUDA 12.6\n")
    (tmp_path / "dev" / "nvgpu" / "igpu0").mkdir(parents=True)
    (tmp_path / "dev" / "nvgpu" / "igpu0" / "ctrl").symlink_to("/dev/null")
    (tmp_path / "dev" / "nvmap").write_text("no device")
    return tmp_path


@pytest.mark.parametrize("value", ["all", "0", "nvidia.com/gpu=all"])
def test_a_container_asks_by_its_environment(value: str) -> None:
    assert wants_gpu(config(f"NVIDIA_VISIBLE_DEVICES={value}"))


@pytest.mark.parametrize(
    "pairs", [(), ("NVIDIA_VISIBLE_DEVICES=",), ("NVIDIA_VISIBLE_DEVICES=void",)]
)
def test_one_that_does_not_ask_gets_nothing(pairs: tuple[str, ...]) -> None:
    assert not wants_gpu(config(*pairs))


def test_it_is_given_the_nodes_and_the_driver(board: Path) -> None:
    given = give_board(config(), board)
    node = {"path": "/dev/nvgpu/igpu0/ctrl", "type": "c", "major": 1, "minor": 3}
    assert given["linux"]["devices"] == [node]
    allowed = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
    assert given["linux"]["resources"]["devices"] == [allowed]
    assert [(x["source"], x["destination"]) for x in given["mounts"]] == [
        (str(board / LIBCUDA), f"/{LIBCUDA}")
    ]


def test_the_nodes_belong_to_the_container_s_user(board: Path) -> None:
    asked = config()
    asked["process"]["user"] = {"uid": 990, "gid": 990}
    (node,) = give_board(asked, board)["linux"]["devices"]
    assert (node["uid"], node["gid"]) == (990, 990)


def test_where_there_is_no_board_the_container_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        give_board(config(), tmp_path)
    assert refused.value.code == NO_BOARD


@pytest.mark.parametrize(
    "arguments",
    [
        ["--root", "/run/runc", "create", "--bundle", "/b", "id"],
        ["create", "-b", "/b", "id"],
        ["create", "--bundle=/b", "id"],
    ],
)
def test_the_bundle_is_the_one_that_was_named(arguments: list[str]) -> None:
    assert bundle(arguments) == Path("/b")
