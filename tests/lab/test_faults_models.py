"""Faults: whatever befalls a download or a model's file, no server gets a wrong or half a model."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys.models import GIB, HUB_TOKEN
from lab import hub, outside
from lab.checkout import LOCK_FILE, STATE, container_name
from lab.engine import docker
from lab.group_data import all as lab_data
from lab.group_data.models import models
from operations import model_lock
from tests.lab import gateway
from tests.lab.background_run import BackgroundRun
from tests.lab.conftest import changed, converge, plan, repair, shell
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

SERVER = "schlimers-server"
ROLES = "tests/lab/model_roles.py"
SERVED = models.named("llama-3.2-3b-instruct")
PATH = f"{models.folder(SERVED)}/{SERVED.main_file}"
LARGE = models.named("llama-3.1-8b-instruct-fp8")
SHARD = "model-00001-of-00002.safetensors"
INCOMING = f"{models.directory}/.incoming"
LOCK = model_lock.path_in({"model_lock": lab_data.model_lock})
TROUBLE = "/srv/models/trouble.json"
WORLD = container_name(outside.HOST)


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds a converged server and leaves one."""
    converge(SERVER)


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)
    trouble()
    converge(SERVER, deploy=ROLES)
    gateway.complete()
    newer = hub.newer_revision(SERVED.revision)
    shell(SERVER, f"rm -rf {models.directory}/{SERVED.name}/{newer}")


@pytest.fixture
def large_is_missing(overlay: Overlay) -> None:
    """The host has lost the model of several files; its checksums stay locked."""
    shell(SERVER, f"rm -rf {models.directory}/{LARGE.name}")


@pytest.fixture
def damaged_file(overlay: Overlay) -> None:
    """The served file has one other byte in its middle, and its old size."""
    shell(SERVER, f"printf X | dd of={PATH} bs=1 seek=700000 conv=notrunc status=none")


def trouble(**what: int) -> None:
    """Have the hub slow, cut or failing as it can be at times; without arguments it is well."""
    command = f"cat >{TROUBLE}" if what else f"rm -f {TROUBLE}"
    docker("exec", "-i", WORLD, "sh", "-c", command, stdin=json.dumps(what))


def catalogue(*changed_models: Any) -> list[dict[str, Any]]:
    """The lab's catalogue with some of its models in another form."""
    forms = {model["name"]: model for model in changed_models}
    held = [model.model_dump(mode="json") for model in models.catalogue]
    return [forms.pop(model["name"], model) for model in held] + list(forms.values())


def at(revision: str, sums: dict[str, Any] | None = None) -> dict[str, Any]:
    """The served model at another commit, with other sums of its files."""
    entry = {**SERVED.model_dump(mode="json"), "revision": revision}
    if sums:
        entry["files"] = [{"path": path, **known} for path, known in sums.items()]
    return entry


def locked(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(LOCK_FILE.read_text())[kind]
    return found


def digests() -> dict[str, str]:
    """Sums of all weights that lie in the models' directory, downloads included."""
    find = f"find {models.directory} -name '*.gguf' -o -name '*.safetensors' -o -name '*incomplete'"
    lines = shell(SERVER, f"{find} | xargs -r sha256sum").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def test_a_model_that_the_hub_has_damaged_is_thrown_away_and_the_old_one_serves(
    overlay: Overlay,
) -> None:
    overlay.update("models", catalogue=catalogue(at(hub.damaged_revision(SERVED.revision))))
    before = digests()
    run = overlay.apply(SERVER, deploy=ROLES)
    assert run.returncode != 0
    assert f"has as {SERVED.main_file} is not the model of the catalogue" in run.stderr
    assert f"expected {SERVED.files[0].sha256}" in run.stderr
    assert digests() == before
    gateway.complete()


def test_a_damaged_file_on_the_host_is_named_by_the_plan_and_replaced(damaged_file: None) -> None:
    assert digests()[PATH] != SERVED.files[0].sha256
    assert ("model", "replace", SERVED.name) in changed(plan(SERVER, deploy=ROLES))[SERVER]
    repair(SERVER, deploy=ROLES)
    assert digests()[PATH] == SERVED.files[0].sha256


def test_a_damaged_file_is_not_served_even_where_the_hub_has_no_good_one(
    overlay: Overlay, damaged_file: None
) -> None:
    trouble(status=500)
    run = overlay.apply(SERVER, deploy=ROLES)
    assert run.returncode != 0
    assert f"{SERVED.name}: " in run.stderr
    assert PATH not in digests()
    with pytest.raises(AssertionError, match="answered 503"):
        gateway.complete()


def test_a_killed_download_is_taken_up_by_the_next_run(
    overlay: Overlay, large_is_missing: None
) -> None:
    trouble(bytes_per_second=2_000_000)
    with BackgroundRun(SERVER, deploy=ROLES):
        wait_until("a part of a shard has come", partial, 120)
        shell(SERVER, "pkill -9 -f '[-]m fetch'")
    assert LARGE.name not in shell(SERVER, f"ls {models.directory}")
    kept = shell(SERVER, f"stat --format=%i {incoming()}/tokenizer.json")
    trouble()
    repair(SERVER, deploy=ROLES)
    assert kept == shell(SERVER, f"stat --format=%i {models.folder(LARGE)}/tokenizer.json")
    assert not [path for path in digests() if "incomplete" in path or ".incoming" in path]


def test_a_lost_connection_ends_the_download_and_leaves_nothing_in_place(
    overlay: Overlay, large_is_missing: None
) -> None:
    trouble(bytes_per_second=600_000)
    with BackgroundRun(SERVER, deploy=ROLES):
        wait_until("a part of a shard has come", partial, 120)
        shell(SERVER, "pkill -KILL -x sshd-session")
    wait_until("the download notices", lambda: not fetching())
    assert LARGE.name not in shell(SERVER, f"ls {models.directory}")


def test_progress_is_shown_while_it_downloads(overlay: Overlay, large_is_missing: None) -> None:
    trouble(bytes_per_second=1_500_000)
    run = overlay.apply(SERVER, deploy=ROLES)
    assert run.returncode == 0
    lines = [line for line in run.stderr.splitlines() if f"{LARGE.name}: " in line]
    assert any(" of 32.02 MB, " in line and "MB/s" in line for line in lines)
    assert lines[-1].endswith(f"{LARGE.name}: 32.02 MB verified and in place")
    assert "%|" not in run.stderr


def test_an_unreachable_hub_is_an_error_also_where_a_part_lies_there(
    overlay: Overlay, large_is_missing: None
) -> None:
    shell(SERVER, f"mkdir -p {incoming()} && echo '{{}}' >{incoming()}/config.json")
    shell(
        SERVER,
        "nft add table inet ai-idp-test && nft add chain inet ai-idp-test out"
        " '{ type filter hook output priority 0 ; }' &&"
        f" nft add rule inet ai-idp-test out ip daddr {world_address()} reject",
    )
    try:
        run = overlay.apply(SERVER, deploy=ROLES)
    finally:
        shell(SERVER, "nft delete table inet ai-idp-test")
    assert run.returncode != 0
    assert (
        f"{LARGE.name}: {LARGE.repository}@{LARGE.revision} could not be downloaded" in run.stderr
    )
    assert LARGE.name not in shell(SERVER, f"ls {models.directory}")


def test_too_small_a_disk_is_found_before_the_first_byte(
    overlay: Overlay, large_is_missing: None
) -> None:
    free = int(shell(SERVER, f"df --block-size=1 --output=avail {models.directory} | tail -n 1"))
    reserve_gib = free // GIB + 1
    overlay.update("models", reserve_gib=reserve_gib)
    run = overlay.apply(SERVER, deploy=ROLES)
    assert run.returncode != 0
    assert f"{models.directory} has " in run.stderr
    kept = f"{reserve_gib * GIB / 1e9:.2f} GB stay free (reserve_gib)"
    assert f"are needed: {LARGE.name} 32.02 MB, and {kept}. Nothing was downloaded" in run.stderr
    assert not [path for path in digests() if LARGE.name in path]


def test_what_was_locked_at_the_first_download_is_held_to(
    overlay: Overlay, large_is_missing: None
) -> None:
    before = LOCK.read_text()
    sums = json.loads(before)[f"{LARGE.repository}@{LARGE.revision}"]
    offered = locked("models")[LARGE.name]
    assert sums == offered
    sums[SHARD]["sha256"] = "0" * 64
    LOCK.write_text(json.dumps({f"{LARGE.repository}@{LARGE.revision}": sums}))
    try:
        run = overlay.apply(SERVER, deploy=ROLES)
    finally:
        LOCK.write_text(before)
    assert run.returncode != 0
    assert f"the hub states the sha256 {offered[SHARD]['sha256']} for {SHARD}" in run.stderr
    assert "nothing was downloaded" in run.stderr


def test_a_lost_lock_is_made_again_from_what_was_verified(overlay: Overlay) -> None:
    before = LOCK.read_text()
    LOCK.unlink()
    assert ("model", "lock its sha256", LARGE.name) in changed(plan(SERVER, deploy=ROLES))[SERVER]
    repair(SERVER, deploy=ROLES)
    assert LOCK.read_text() == before


def test_a_new_revision_takes_over_and_the_old_one_is_listed_and_retired(
    overlay: Overlay,
) -> None:
    newer = at(hub.newer_revision(SERVED.revision), locked("newer")[SERVED.name])
    overlay.update("models", catalogue=catalogue(newer))
    assert overlay.apply(SERVER, deploy=ROLES).returncode == 0
    gateway.complete()
    assert newer["revision"] in container_mounts()
    old = f"{models.directory}/{SERVED.name}/{SERVED.revision}"
    run = overlay.apply(SERVER, deploy=ROLES)
    assert f"{old} (0.00 GB) is no model of the catalogue; `make retire` removes it" in run.stderr
    retired = overlay.apply(SERVER, deploy="retire.py")
    assert retired.returncode == 0
    assert old not in str(digests())


def test_what_a_container_still_maps_is_not_retired(overlay: Overlay) -> None:
    other = {**SERVED.model_dump(mode="json"), "name": "another-model"}
    rest = [model for model in catalogue(other) if model["name"] != SERVED.name]
    overlay.update("models", catalogue=rest)
    overlay.update("llama_cpp", model=other["name"])
    run = overlay.apply(SERVER, deploy="retire.py")
    assert run.returncode != 0
    assert (
        f"{models.directory}/{SERVED.name} stays: llama_cpp/server maps it; "
        "give that another model first" in run.stderr
    )
    gateway.complete()


@pytest.fixture
def gated(overlay: Overlay) -> Generator[Overlay]:
    """A catalogue with a model behind a licence; no token is there, before and after."""
    files = [{"path": path, **sums} for path, sums in locked("gated").items()]
    entry = {
        **SERVED.model_dump(mode="json"),
        **{"name": "gated", "repository": hub.GATED_REPOSITORY, "revision": hub.GATED_REVISION},
        **{"files": files, "gated": True},
    }
    overlay.update("models", catalogue=catalogue(entry))
    yield overlay
    (STATE / "secrets" / f"{HUB_TOKEN}.age").unlink(missing_ok=True)
    shell(SERVER, f"rm -rf {models.directory}/gated")


def test_a_gated_model_without_a_token_is_refused_before_any_connection(gated: Overlay) -> None:
    run = gated.apply(SERVER, deploy=ROLES)
    assert run.returncode == 1
    assert (
        f"{SERVER}: models: gated is gated, and the secret store has no token of the hub; "
        f"accept the licence on https://huggingface.co/{hub.GATED_REPOSITORY}" in run.stderr
    )
    assert "make secret NAME=models/hub-token GIVE=1" in run.stderr


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (hub.STRANGERS_TOKEN, "the hub knows the token, but its account has no access"),
        ("hf_mistyped", "the hub does not know the token (Invalid credentials"),
    ],
)
def test_a_token_that_opens_nothing_is_told_why(gated: Overlay, token: str, said: str) -> None:
    give(token)
    run = gated.apply(SERVER, deploy=ROLES)
    assert run.returncode != 0
    assert f"gated: {said}" in run.stderr
    assert token not in run.stderr


def test_a_gated_model_comes_with_the_token_which_stays_nowhere(gated: Overlay) -> None:
    give(hub.ACCEPTED_TOKEN)
    trouble(bytes_per_second=400_000)
    with BackgroundRun(SERVER, deploy=ROLES, group_data=gated.directory) as run:
        wait_until("the download runs", fetching)
        shown = "cat /proc/$(pgrep -f '[-]m fetch' | tail -1)/environ | tr '\\0' '\\n'; ps -ef"
        assert hub.ACCEPTED_TOKEN not in shell(SERVER, shown)
        assert run.finished().returncode == 0
    left = f"grep -rl {hub.ACCEPTED_TOKEN} {models.directory} /root /opt/ai-idp /tmp || true"
    assert shell(SERVER, left) == ""


def give(token: str) -> None:
    data = {"secret_store": lab_data.secret_store, "secret_identity": lab_data.secret_identity}
    secret_store.for_data(data).put(HUB_TOKEN, token)


def incoming() -> str:
    return f"{INCOMING}/{LARGE.name}/{LARGE.revision}"


def fetching() -> bool:
    return bool(shell(SERVER, "pgrep -f '[-]m fetch' || true"))


def partial() -> bool:
    """Whether some files are verified already, and a part of a large one has come."""
    small = f"grep -qs tokenizer.json {incoming()}/.verified"
    large = f"find {INCOMING} -name '*.incomplete' -size +9M"
    return bool(shell(SERVER, f"{small} && {large} || true"))


def container_mounts() -> str:
    return shell(SERVER, "docker inspect --format '{{json .Mounts}}' $(docker ps -q)")


def world_address() -> str:
    return shell(SERVER, "getent hosts huggingface.co | cut -d' ' -f1").strip()
