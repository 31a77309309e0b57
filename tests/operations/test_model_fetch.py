"""The download itself: the hub's real client, against the lab's stand-in of the hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from deploys.models import FETCH
from lab.checkout import LAB
from tests.processes import started

REVISION = "a" * 40
REPOSITORY = "owner/Small"
PORT = 18_900 + os.getpid() % 1000
MIB = 1 << 20
SECONDS = 60
"""Of a whole download, and of one answer that the hub's client waits for; a host may be busy."""
FILES = {
    "config.json": b"{}",
    "weights-1.safetensors": bytes(12 * MIB),
    "sub/weights-2.safetensors": b"two",
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Hub:
    """The stand-in and the folder that it serves."""

    root: Path
    process: subprocess.Popen[str]

    def offer(
        self,
        files: dict[str, bytes],
        gated: bool = False,
        wrong: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """State `files` and give them, but for those paths that are `wrong`."""
        entries = {}
        for path, content in files.items():
            given = wrong.get(path, content)
            (self.root / sha256(given)).write_bytes(given)
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content)
            entries[path] = {
                **{"blob": sha256(given), "bytes": len(content), "oid": git.hexdigest()},
                **({"sha256": sha256(content)} if path.endswith("safetensors") else {}),
            }
        catalogue = {
            "repositories": {REPOSITORY: {"main": REVISION, REVISION: entries}},
            "gated": [REPOSITORY] if gated else [],
            "tokens": {"hf_accepted": [REPOSITORY], "hf_stranger": []},
        }
        (self.root / "catalogue.json").write_text(json.dumps(catalogue))

    def trouble(self, **trouble: int) -> None:
        (self.root / "trouble.json").write_text(json.dumps(trouble))

    @contextmanager
    def silent(self) -> Generator[None]:
        """It takes connections and answers none before the end of the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def hub(tmp_path: Path) -> Generator[Hub]:
    root = tmp_path / "hub"
    root.mkdir()
    command = [sys.executable, str(LAB / "standins" / "model_hub.py"), str(root), str(PORT)]
    with started(command, stderr=subprocess.DEVNULL) as process:
        served = Hub(root, process)
        served.offer(FILES)
        wait_until_it_answers()
        yield served


def wait_until_it_answers() -> None:
    for _ in range(100):
        try:
            urlopen(f"http://127.0.0.1:{PORT}/api/models/{REPOSITORY}").close()
            return
        except URLError:
            time.sleep(0.1)


def wanted(known: bool = True, **changes: Any) -> dict[str, Any]:
    files = [
        {"path": path, "bytes": len(content), "sha256": sha256(content) if known else None}
        for path, content in FILES.items()
    ]
    model = {"name": "small", "repository": REPOSITORY, "revision": REVISION, "gated": False}
    return {**model, "files": files, **changes}


class Host:
    """A folder for models, and the program that fills it."""

    def __init__(self, tmp_path: Path) -> None:
        self.shelf, self.programs = tmp_path / "shelf", tmp_path / "bin"
        self.folder = self.shelf / "small" / REVISION
        self.incoming = self.shelf / ".incoming" / "small" / REVISION
        self.engine = tmp_path / "engine"
        self.shelf.mkdir()
        self.programs.mkdir()
        self.program("systemctl", "exit 0")
        self.program("docker", f'echo "$@" >>{self.engine}; [ "$1" != ps ] || echo abc')

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.programs / name).chmod(0o755)

    @contextmanager
    def fetching(
        self, *models: dict[str, Any], reserve: int = 0, token: str | None = None, port: int = PORT
    ) -> Generator[subprocess.Popen[str]]:
        given = {"root": str(self.shelf), "reserve_bytes": reserve, "token": token}
        environment = {
            **os.environ,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HF_ENDPOINT": f"http://127.0.0.1:{port}",
            "PYTHONPATH": str(FETCH.parent),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_ETAG_TIMEOUT": str(SECONDS),
            "HF_HOME": str(self.shelf / ".incoming" / ".client"),
        }
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with started([sys.executable, "-B", "-m", "fetch"], env=environment, **pipes) as process:
            assert process.stdin
            process.stdin.write(json.dumps({**given, "models": list(models) or [wanted()]}))
            process.stdin.close()
            process.stdin = None
            yield process

    def fetch(self, *models: dict[str, Any], **options: Any) -> tuple[int, list[str], str]:
        """Exit status, lines of standard output, standard error."""
        with self.fetching(*models, **options) as process:
            said, complained = process.communicate(timeout=SECONDS)
        return process.returncode, said.splitlines(), complained

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in found
            if path.name != ".verified"
        }


@pytest.fixture
def machine(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_model_comes_whole_and_marked(hub: Hub, machine: Host) -> None:
    status, said, complained = machine.fetch()
    assert (status, complained) == (0, "")
    assert said == ["small: 12.58 MB verified and in place"]
    assert machine.files() == FILES
    marks = marks_of(machine.folder).splitlines()
    for path, content in FILES.items():
        command = ["stat", "--printf=%s %.9Y %i", str(machine.folder / path)]
        now = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"{sha256(content)} {now} {path}" in marks
    assert not list(machine.shelf.rglob("*.incomplete"))
    assert list((machine.shelf / ".incoming").iterdir()) == [machine.shelf / ".incoming" / "lock"]


def test_what_is_there_is_not_asked_for_again(hub: Hub, machine: Host) -> None:
    machine.fetch()
    hub.trouble(status=500)
    assert machine.fetch() == (0, [], "")


def test_unknown_sums_are_told(hub: Hub, machine: Host) -> None:
    _, said, _ = machine.fetch(wanted(known=False))
    assert said[1:] == [
        f"found small {path} {len(content)} {sha256(content)}" for path, content in FILES.items()
    ]


@pytest.mark.parametrize("path", ["config.json", "weights-1.safetensors"])
def test_one_wrong_byte_is_never_placed(hub: Hub, machine: Host, path: str) -> None:
    wrong = b"X" + FILES[path][1:]
    hub.offer(FILES, wrong={path: wrong})
    status, _, complained = machine.fetch()
    assert status == 1
    assert complained == (
        f"small: what {REPOSITORY}@{REVISION} has as {path} is not the model of the catalogue: "
        f"its sha256 is {sha256(wrong)}, expected {sha256(FILES[path])}; "
        "it was thrown away and nothing was put in place\n"
    )
    assert not machine.folder.exists()
    assert not (machine.incoming / path).exists()


@pytest.mark.parametrize("path", ["config.json", "weights-1.safetensors"])
def test_a_wrong_byte_is_noticed_without_a_sum_of_ours(hub: Hub, machine: Host, path: str) -> None:
    hub.offer(FILES, wrong={path: b"X" + FILES[path][1:]})
    status, _, complained = machine.fetch(wanted(known=False))
    assert status == 1
    assert f"has as {path} is not the model of the catalogue" in complained
    assert not machine.folder.exists()


def test_what_the_hub_states_otherwise_is_refused_before_the_download(
    hub: Hub, machine: Host
) -> None:
    hub.offer({**FILES, "weights-1.safetensors": b"other"})
    status, said, complained = machine.fetch()
    assert (status, said) == (1, [])
    assert complained == (
        f"small: the hub states the sha256 {sha256(b'other')} for weights-1.safetensors of "
        f"{REPOSITORY}@{REVISION}, expected {sha256(FILES['weights-1.safetensors'])}; "
        "nothing was downloaded: compare both with the file's page\n"
    )
    hub.offer({**FILES, "config.json": b"{ }"})
    assert "the hub states 3 bytes for config.json" in machine.fetch()[2]


def test_a_file_that_the_commit_lacks_is_named_with_those_that_it_has(
    hub: Hub, machine: Host
) -> None:
    hub.offer({"other.gguf": b"1", "config.json": b"{}"})
    assert machine.fetch()[2] == (
        f"small: {REPOSITORY}@{REVISION} has no file weights-1.safetensors; "
        "it has config.json, other.gguf\n"
    )


def test_a_full_disk_is_found_before_the_first_byte_for_all_models_together(
    hub: Hub, machine: Host
) -> None:
    status, said, complained = machine.fetch(wanted(), wanted(name="twin"), reserve=1 << 60)
    assert (status, said) == (1, [])
    assert complained.startswith(f"{machine.shelf} has ")
    assert "small 12.58 MB, twin 12.58 MB, and 1152921504.61 GB stay free (reserve_gib)" in (
        complained
    )
    assert "Nothing was downloaded: make room there" in complained
    assert not list(machine.shelf.rglob("*.safetensors"))


def test_an_unreachable_hub_is_an_error_though_all_files_lie_there(hub: Hub, machine: Host) -> None:
    machine.fetch()
    machine.incoming.parent.mkdir(parents=True)
    machine.folder.rename(machine.incoming)
    (machine.incoming / "sub" / "weights-2.safetensors").unlink()
    status, said, complained = machine.fetch(port=1)
    assert (status, said) == (1, [])
    assert complained.startswith(f"small: {REPOSITORY}@{REVISION} could not be downloaded: ")
    assert not machine.folder.exists()


def test_a_killed_download_begins_anew_but_for_what_was_verified(hub: Hub, machine: Host) -> None:
    hub.trouble(cut_after_bytes=11 * MIB)
    with machine.fetching() as killed:
        wait_for(lambda: "sub/weights-2" in marks_of(machine.incoming) and partial(machine))
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    assert not machine.folder.exists()
    kept = (machine.incoming / "sub" / "weights-2.safetensors").stat().st_ino
    hub.trouble()
    assert machine.fetch()[0] == 0
    assert machine.files() == FILES
    assert (machine.folder / "sub" / "weights-2.safetensors").stat().st_ino == kept
    assert not list(machine.shelf.rglob("*.incomplete"))


def test_a_lost_listener_ends_the_download(hub: Hub, machine: Host) -> None:
    hub.trouble(bytes_per_second=MIB)
    with machine.fetching() as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(timeout=30) == 1
    assert not machine.folder.exists()


def test_a_second_download_waits_for_the_first(hub: Hub, machine: Host) -> None:
    # The first cannot end before the second has found it at work, however slowly that starts.
    with ExitStack() as processes:
        with hub.silent():
            first = processes.enter_context(machine.fetching())
            wait_for(lambda: machine.incoming.exists())
            second = processes.enter_context(machine.fetching())
            assert second.stdout
            told = second.stdout.readline()
        first.communicate(timeout=SECONDS)
        said, _ = second.communicate(timeout=SECONDS)
    assert (first.returncode, second.returncode) == (0, 0)
    assert (told, said) == ("another download runs on this host: waiting for its end\n", "")


def test_a_cut_connection_is_taken_up_again(hub: Hub, machine: Host) -> None:
    hub.trouble(cut_after_bytes=11 * MIB)
    with machine.fetching() as process:
        wait_for(lambda: partial(machine))
        hub.trouble()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert machine.files() == FILES


def test_progress_says_how_far_how_fast_and_how_long(hub: Hub, machine: Host) -> None:
    hub.trouble(bytes_per_second=int(1.5 * MIB))
    _, said, _ = machine.fetch()
    progress = [line for line in said if " of " in line]
    assert 1 <= len(progress) <= 2
    assert progress[0].startswith("small: ")
    assert " of 12.58 MB, " in progress[0] and "MB/s" in progress[0]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (
            "hf_stranger",
            "small: the hub knows the token, but its account has no access (Access to model "
            f"{REPOSITORY} is restricted and you are not in the authorized list. Visit "
            f"https://huggingface.co/{REPOSITORY} to ask for access.); accept the licence on "
            f"https://huggingface.co/{REPOSITORY} with that account, or give the token the right "
            "to read gated repositories\n",
        ),
        (
            "hf_mistyped",
            "small: the hub does not know the token (Invalid credentials in Authorization "
            "header); make a new one on https://huggingface.co/settings/tokens, then: "
            "make secret NAME=models/hub-token GIVE=1 ROTATE=1\n",
        ),
    ],
)
def test_a_refused_token_is_told_apart_from_a_licence_not_accepted(
    hub: Hub, machine: Host, token: str, expected: str
) -> None:
    hub.offer(FILES, gated=True)
    assert machine.fetch(wanted(gated=True), token=token) == (1, [], expected)


def test_a_gated_model_comes_with_the_token_and_leaves_no_trace_of_it(
    hub: Hub, machine: Host
) -> None:
    hub.offer(FILES, gated=True)
    assert machine.fetch(wanted(gated=True), token="hf_accepted")[0] == 0
    assert machine.files() == FILES
    texts = (path.read_bytes() for path in machine.shelf.rglob("*") if path.is_file())
    assert not any(b"hf_accepted" in text for text in texts)


def test_a_gate_that_the_catalogue_does_not_know_is_named(hub: Hub, machine: Host) -> None:
    hub.offer(FILES, gated=True)
    assert (
        f"{REPOSITORY} is gated: set `gated=True` in its entry of the catalogue"
        in (machine.fetch()[2])
    )


def test_a_model_that_went_bad_is_withdrawn_and_given_back_whole(hub: Hub, machine: Host) -> None:
    machine.fetch()
    (machine.folder / "config.json").write_bytes(b"XX")
    kept = (machine.folder / "weights-1.safetensors").stat().st_ino
    assert machine.fetch()[0] == 0
    assert machine.files() == FILES
    assert (machine.folder / "weights-1.safetensors").stat().st_ino == kept
    assert machine.engine.read_text().splitlines() == [
        f"ps --quiet --no-trunc --filter volume={machine.folder}",
        "stop abc",
        "start abc",
    ]


def test_a_bad_model_is_out_of_reach_while_the_hub_has_none(hub: Hub, machine: Host) -> None:
    machine.fetch()
    (machine.folder / "config.json").write_bytes(b"XX")
    hub.trouble(status=500)
    assert machine.fetch()[0] == 1
    assert not machine.folder.exists()


def test_a_sum_that_contradicts_what_was_verified_touches_nothing(hub: Hub, machine: Host) -> None:
    machine.fetch()
    model = wanted()
    model["files"][0]["sha256"] = "0" * 64
    status, _, complained = machine.fetch(model)
    assert status == 1
    assert complained == (
        f"small: {machine.folder}/config.json was verified with the sha256 {sha256(b'{}')}, but "
        f"{'0' * 64} is asked for; the bytes of a commit never change: correct the catalogue or "
        f"its lock file, or remove {machine.folder} and run again\n"
    )
    assert machine.files() == FILES
    assert not machine.engine.exists()


def test_what_nobody_waits_for_any_more_is_cleared_away(hub: Hub, machine: Host) -> None:
    left = machine.shelf / ".incoming" / "old" / REVISION / "partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"1")
    machine.fetch()
    assert not left.parent.parent.exists()


def test_one_failing_model_does_not_keep_the_others_away(hub: Hub, machine: Host) -> None:
    status, said, complained = machine.fetch(
        wanted(), wanted(name="other", repository="owner/Missing")
    )
    assert status == 1
    assert "small: 12.58 MB verified and in place" in said
    assert complained.startswith(f"other: owner/Missing@{REVISION} could not be downloaded: ")


def marks_of(folder: Path) -> str:
    marks = folder / ".verified"
    return marks.read_text() if marks.exists() else ""


def partial(machine: Host) -> bool:
    """Whether a part of a file has come."""
    found = machine.shelf.rglob("*.incomplete")
    return any(path.stat().st_size >= 10 * MIB for path in found)


def wait_for(condition: Any, seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.02)
