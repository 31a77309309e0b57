"""Preflight as pyinfra's own command line meets it: a whole inventory, loaded for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paramiko import ECDSAKey

import run_lock

ROOT = Path(__file__).parents[2]
SAMPLE_ROLES = Path(__file__).parent / "sample_roles"

INVENTORY = f"""
import deploys
import preflight

deploys.__path__.append({str(SAMPLE_ROLES)!r})

all = [("@local", {{"ssh_hostname": "192.0.2.1"}}), ("far", {{"ssh_hostname": "192.0.2.2"}})]
seed_llama_cpp = ["@local"]
seed_triton = ["@local"]

preflight.check(__file__)
"""
GROUP_DATA = {
    "all": """
domain = "home.arpa"
networks = ["192.0.2.0/24"]
ssh_key = "id_ecdsa"
ssh_known_hosts_file = "known_hosts"
secret_store = "{checkout}/secrets"
secret_identity = "{checkout}/identity.txt"
""",
    "seed_llama_cpp": """
from deploys.seed_llama_cpp import SeedLlamaCpp

seed_llama_cpp = SeedLlamaCpp()
""",
    "seed_triton": """
from deploys.seed_triton import SeedTriton

seed_triton = SeedTriton()
""",
}
CLASH = """
from deploys.seed_triton import SeedTriton

seed_triton = SeedTriton(metrics_port=8003)
"""
CLASH_MESSAGE = (
    "  - @local: tcp port 8003 is claimed by seed_llama_cpp (API) and seed_triton (metrics); "
    "give one of them another port in group_data/seed_triton.py"
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write(tmp_path / "inventory.py", INVENTORY)
    for name, text in GROUP_DATA.items():
        write(tmp_path / "group_data" / f"{name}.py", text.replace("{checkout}", str(tmp_path)))
    key = ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "id_ecdsa"))
    write(tmp_path / "known_hosts", f"192.0.2.1 {key.get_name()} {key.get_base64()}\n")
    write(tmp_path / "deploy.py", "")
    return tmp_path


@pytest.fixture
def pyinfra(checkout: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pyinfra", *arguments],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYINFRA_PROGRESS": "off"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def assert_refused(run: subprocess.CompletedProcess[str], *reasons: str) -> None:
    """Status 1, these reasons and no others, no traceback, and nothing was connected to."""
    assert run.returncode == 1, run.stderr
    shown = run.stderr[run.stderr.index("Refused before") :].splitlines()
    assert shown == [
        f"Refused before any connection, for {len(reasons)} reason(s):",
        *reasons,
    ]
    assert "Traceback" not in run.stderr
    assert "Connecting" not in run.stderr


def test_a_sound_inventory_loads(pyinfra: Run) -> None:
    run = pyinfra("inventory.py", "debug-inventory", "--json")
    assert run.returncode == 0, run.stderr
    assert [host["name"] for host in json.loads(run.stdout)] == ["@local", "far"]


def test_the_port_that_the_first_plan_gave_to_two_servers_is_refused(
    pyinfra: Run, checkout: Path
) -> None:
    write(checkout / "group_data/seed_triton.py", CLASH)
    assert_refused(pyinfra("inventory.py", "debug-inventory"), CLASH_MESSAGE)


def test_all_problems_are_shown_at_once(pyinfra: Run, checkout: Path) -> None:
    write(checkout / "group_data/seed_triton.py", CLASH)
    assert_refused(
        pyinfra("inventory.py", "debug-inventory", "--limit", "fra"),
        CLASH_MESSAGE,
        "  - --limit fra: matches no host and no role; did you mean far?",
    )


def test_an_overlay_beside_the_inventory_is_honoured(pyinfra: Run, checkout: Path) -> None:
    write(checkout / "other/inventory.py", INVENTORY)
    write(checkout / "other/group_data/seed_triton.py", CLASH)
    assert_refused(pyinfra("other/inventory.py", "debug-inventory"), CLASH_MESSAGE)
    assert pyinfra("inventory.py", "debug-inventory").returncode == 0


def test_group_data_from_the_command_line_is_honoured(pyinfra: Run, checkout: Path) -> None:
    write(checkout / "more/seed_triton.py", CLASH)
    run = pyinfra("inventory.py", "debug-inventory", "--group-data", "more")
    assert_refused(run, CLASH_MESSAGE)


def test_data_from_the_command_line_is_honoured(pyinfra: Run) -> None:
    assert_refused(
        pyinfra("inventory.py", "debug-inventory", "--data", "ssh_hostname=192.0.2.9"),
        "  - @local and far: have the same address 192.0.2.9; "
        "give each host of the inventory its own `ssh_hostname`",
    )


def test_an_imported_inventory_is_not_checked(pyinfra: Run, checkout: Path) -> None:
    """An inventory that takes its roles from another one answers for itself only."""
    write(checkout / "production.py", INVENTORY.replace('"192.0.2.2"', '"192.0.2.1"'))
    importing = "from production import seed_llama_cpp, seed_triton\n"
    write(checkout / "other/inventory.py", importing + INVENTORY)
    run = pyinfra("other/inventory.py", "debug-inventory")
    assert run.returncode == 0, run.stderr


def test_a_wrong_setting_is_refused_without_its_value(pyinfra: Run, checkout: Path) -> None:
    wrong = GROUP_DATA["seed_triton"].replace("SeedTriton()", 'SeedTriton(metrics_port="hunter2")')
    write(checkout / "group_data/seed_triton.py", wrong)
    run = pyinfra("inventory.py", "debug-inventory")
    assert_refused(
        run,
        "  - group_data/seed_triton.py: SeedTriton.metrics_port: Input should be a valid integer, "
        "unable to parse string as an integer; docs/settings.md lists what can be set",
    )
    assert "hunter2" not in run.stderr + run.stdout


def test_a_mistake_in_group_data_is_refused_with_its_line(pyinfra: Run, checkout: Path) -> None:
    write(checkout / "group_data/seed_triton.py", "\nseed_triton = SeedTrito()\n")
    assert_refused(
        pyinfra("inventory.py", "debug-inventory"),
        "  - group_data/seed_triton.py: NameError at group_data/seed_triton.py:2: "
        "name 'SeedTrito' is not defined; correct that line",
    )


def test_group_data_that_is_not_python_is_refused_with_its_line(
    pyinfra: Run, checkout: Path
) -> None:
    write(checkout / "group_data/seed_triton.py", "\nseed_triton = (\n")
    assert_refused(
        pyinfra("inventory.py", "debug-inventory"),
        "  - group_data/seed_triton.py: '(' was never closed at line 2; correct that line",
    )


def test_settings_of_a_role_that_nobody_has_are_refused(pyinfra: Run, checkout: Path) -> None:
    write(checkout / "inventory.py", INVENTORY.replace('seed_triton = ["@local"]\n', ""))
    assert_refused(
        pyinfra("inventory.py", "debug-inventory"),
        "  - seed_triton: has no host; "
        "name its hosts in the inventory, or remove group_data/seed_triton.py",
    )


def test_a_misspelt_limit_connects_to_nobody(pyinfra: Run) -> None:
    assert_refused(
        pyinfra("inventory.py", "exec", "--limit", "seed_tritn", "--", "true"),
        "  - --limit seed_tritn: matches no host and no role; did you mean seed_triton?",
    )


def test_a_host_whose_key_is_not_pinned_is_refused(pyinfra: Run) -> None:
    assert_refused(
        pyinfra("inventory.py", "exec", "--", "true"),
        "  - far: the SSH host key is not pinned; run `make trust HOST=far`, and so for each",
    )


def test_a_limit_leaves_the_other_hosts_keys_alone(pyinfra: Run) -> None:
    run = pyinfra("inventory.py", "exec", "-y", "--limit", "@local", "--", "true")
    assert run.returncode == 0, run.stderr


def test_a_host_that_may_be_absent_is_only_named(pyinfra: Run, checkout: Path) -> None:
    data = '{"ssh_hostname": "192.0.2.2"}'
    absent = '{"ssh_hostname": "192.0.2.2", "may_be_absent": True}'
    write(checkout / "inventory.py", INVENTORY.replace(data, absent))
    run = pyinfra("inventory.py", "fact", "server.Hostname")
    assert "far: the SSH host key is not pinned" in run.stderr
    assert "Refused" not in run.stderr


def test_a_missing_login_key_is_refused(pyinfra: Run, checkout: Path) -> None:
    (checkout / "id_ecdsa").unlink()
    assert_refused(
        pyinfra("inventory.py", "exec", "--limit", "@local", "--", "true"),
        "  - id_ecdsa: is the key to log in with, but does not exist; "
        "make one with `ssh-keygen -t ed25519 -f id_ecdsa`, or set `ssh_key`",
    )


@pytest.mark.parametrize("arguments", [("debug-inventory",), ("fact", "server.Hostname")])
def test_looking_makes_no_secret(pyinfra: Run, checkout: Path, arguments: tuple[str, ...]) -> None:
    assert pyinfra("inventory.py", *arguments, "--limit", "@local").returncode == 0
    assert not (checkout / "secrets").exists()


def test_planning_makes_the_secrets_that_are_missing(pyinfra: Run, checkout: Path) -> None:
    run = pyinfra("inventory.py", "deploy.py", "--dry", "--limit", "@local")
    assert run.returncode == 0, run.stderr
    assert (checkout / "secrets/seed_llama_cpp/api-key.age").exists()
    assert (checkout / "secrets/ca.crt").exists()


def test_a_store_whose_identity_is_lost_is_refused(pyinfra: Run, checkout: Path) -> None:
    plan = ("inventory.py", "deploy.py", "--dry", "--limit", "@local")
    assert pyinfra(*plan).returncode == 0
    (checkout / "identity.txt").unlink()
    run = pyinfra(*plan)
    assert run.returncode == 1
    assert "Refused before any connection, for 1 reason(s):" in run.stderr
    assert f"the identity {checkout}/identity.txt that opens them is missing" in run.stderr


@pytest.fixture
def another_run(checkout: Path) -> Iterator[None]:
    lock = run_lock.acquire(checkout / "secrets", "another run")
    yield
    lock.release()


@pytest.mark.usefixtures("another_run")
def test_a_second_run_names_the_first(pyinfra: Run) -> None:
    run = pyinfra("inventory.py", "deploy.py", "-y", "--limit", "@local")
    assert run.returncode == 1
    assert "Refused before any connection" in run.stderr
    assert (
        f"another run is at work on these hosts: another run, process {os.getpid()}" in run.stderr
    )


@pytest.mark.usefixtures("another_run")
@pytest.mark.parametrize("flags", [("--dry",), ("--json",), ("--debug-operations",)])
def test_a_plan_does_not_wait_for_a_run(pyinfra: Run, flags: tuple[str, ...]) -> None:
    run = pyinfra("inventory.py", "deploy.py", *flags, "--limit", "@local")
    assert run.returncode == 0, run.stderr
