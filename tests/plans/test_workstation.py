"""Workstation on the fake host: what is asked, what is done, and whom it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import certificates
import secret_store
from deploys import workstation
from deploys.base import Base
from deploys.mlflow import Mlflow
from deploys.nginx import Nginx
from deploys.workstation import Workstation
from tests.fake_host import Run, run

PERSON = "account\tada\t/home/ada\nhome\tada\nend"
BARE: dict[str, Any] = {
    "getent passwd": PERSON.splitlines(),
    "wanted=$(cat)": ["end"],
    "names=$(cat)": ["will\tlibnss3-tools\t2:3.110-1", "end"],
}
SYSTEMS = {
    "Ubuntu 24.04 on x86-64": ("ubuntu", "24.04", "x86_64"),
    "Debian 13 on aarch64": ("debian", "13", "aarch64"),
}
LANDING = "services/workstation/transaction/transaction.sh start"
GROUPS = ("base", "nginx", "mlflow", "vllm", "workstation")


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store: dict[str, Any] = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
        "domain": "example.home.arpa",
        "networks": ["192.0.2.0/24"],
    }
    secret_store.for_data(store).ensure(["vllm/api-key", "mlflow/admin-password"])
    certificates.for_data(store).certificate()
    return {
        **store,
        "ssh_hostname": "192.0.2.1",
        "ssh_known_hosts_file": str(tmp_path / "known_hosts"),
        "base": Base(),
        "nginx": Nginx(),
        "mlflow": Mlflow(),
        "workstation": Workstation(user="ada"),
    }


def roll_out(data: dict[str, Any], **answers: Any) -> Run:
    return run(workstation.install, {**BARE, **answers}, data, groups=GROUPS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_gets_the_same_in_one_landing(data: dict[str, Any], system: str) -> None:
    name, version, processor = SYSTEMS[system]
    told = {"os-release": [f"ID={name}", f"VERSION_ID={version}"], "uname -m": [processor]}
    outcome = roll_out(data, **told)
    assert outcome.succeeded
    (install,) = (n for n, text in enumerate(outcome.commands) if "action=install" in text)
    (land,) = (n for n, text in enumerate(outcome.commands) if LANDING in text)
    assert install < land
    assert "libnss3-tools" in outcome.commands[install]


def test_a_plan_asks_the_host_three_times(data: dict[str, Any]) -> None:
    commands = roll_out(data).commands
    reads = [text for text in commands if not text.startswith(("umask 077", "sh /var/lib"))]
    assert len(reads) == 3


def test_no_secret_is_in_a_command(data: dict[str, Any]) -> None:
    store = secret_store.for_data(data)
    values = [store.get(name).get_secret_value() for name in store.names()]
    commands = roll_out(data).commands
    assert not [text for text in commands for value in values if value in text]


def test_nobody_s_desk_is_refused(data: dict[str, Any]) -> None:
    outcome = roll_out(data, **{"getent passwd": ["end"]})
    assert not outcome.succeeded
    assert not [text for text in outcome.commands if "action=install" in text or LANDING in text]


def test_a_home_of_roots_is_refused(data: dict[str, Any]) -> None:
    outcome = roll_out(data, **{"getent passwd": ["account\tada\t/home/ada", "home\troot", "end"]})
    assert not outcome.succeeded
    assert not [text for text in outcome.commands if LANDING in text]


def test_a_secret_that_pam_would_cut_is_refused(data: dict[str, Any]) -> None:
    secret_store.for_data(data).rotate("vllm/api-key", "one#two")
    outcome = roll_out(data)
    assert not outcome.succeeded
    assert not [text for text in outcome.commands if "action=install" in text or LANDING in text]


def test_a_person_that_cannot_be_read_changes_nothing(data: dict[str, Any]) -> None:
    outcome = roll_out(data, **{"getent passwd": {"success": False, "stderr": ["x"]}})
    assert not outcome.succeeded
    assert not [text for text in outcome.commands if LANDING in text]


def test_it_goes_with_its_files_and_leaves_the_person_s(data: dict[str, Any]) -> None:
    there = [
        "manifest\t/etc/ssh/ai-idp_known_hosts",
        "entry\tregular file\t644\troot\troot\t/etc/ssh/ai-idp_known_hosts\t0\t0",
        f"sum\t{'0' * 64}  /etc/ssh/ai-idp_known_hosts",
        "end",
    ]
    outcome = run(workstation.remove, {"wanted=$(cat)": there}, data, groups=GROUPS)
    assert outcome.succeeded
    assert any(LANDING in text for text in outcome.commands)
    assert not [text for text in outcome.commands if "/home" in text]
