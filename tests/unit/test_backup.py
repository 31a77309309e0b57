"""The role backup: what it declares, what it is told of the roles, and what it writes."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploys.alertmanager import Alertmanager
from deploys.backup import Backups, configuration
from deploys.backup_identity import SSH_KEY, private_file, public_line
from deploys.backup_jobs import kept, mirrors
from deploys.backup_program import CONFIGURATION
from deploys.backup_secrets import secret_files, store_archive
from deploys.backup_target import Folder, Sftp
from deploys.backup_units import timers
from deploys.declarations import Backup
from deploys.grafana import Grafana
from deploys.prometheus import Prometheus
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from group_data.models import models
from operations.entries import File
from preflight.backups import without_backup
from secret_store import SecretStore

NAS = Folder(mount_point="/mnt/nas", path="/mnt/nas/ai-idp")
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJEpSMtxfDjcyQoOe1hssKmphmTARMAwauSeIuDvs7U"
SFTP = Sftp(host="nas.home.arpa", port=2222, user="lab", path="backups", host_key=HOST_KEY)
FOLDER_SETTINGS = Backups(target=NAS, secret_store_on="one")
GRAFANA = Grafana(version="13.2.3", logs_plugin_version="0.32.0", logs_plugin_sha256="a" * 64)
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


class Ledger(Settings):
    role = "ledger"

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        return (Backup("ledger", ("/srv/ledger",), databases=("/srv/ledger/x.db",)),)


def machine(*settings: Settings, name: str = "one") -> Machine:
    by_role = {held.role: held for held in settings}
    return Machine(name, "192.0.2.1", tuple(by_role), by_role, {})


def topology(*machines: Machine) -> Topology:
    return Topology(machines, ())


def texts(settings: Backups, there: Machine) -> dict[str, str]:
    assert settings.target is not None
    entries = configuration(settings, settings.target, there)
    return {entry.path: entry.content.decode() for entry in entries if isinstance(entry, File)}


def told(settings: Backups, there: Machine) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(texts(settings, there)[CONFIGURATION])
    return values


def unit(text: str) -> RawConfigParser:
    found = RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(text)
    return found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "folder", "mount_point": "/mnt/nas", "path": "/mnt/nas2/backups"},
            "path /mnt/nas2/backups has to be below mount_point /mnt/nas",
        ),
        ({"kind": "folder", "mount_point": "mnt", "path": "mnt/x"}, "should match pattern"),
        ({"kind": "sftp", "host": "nas", "user": "-oProxyCommand", "path": "x"}, "host_key"),
        (
            {"kind": "sftp", "host": "n", "user": "u", "path": "x", "host_key": "none\nHost *"},
            "should match pattern",
        ),
    ],
)
def test_a_target_that_cannot_be_one_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Backups.model_validate({"target": values})


def test_settings_come_back_from_json() -> None:
    for target in (None, NAS, SFTP):
        settings = Backups(target=target)
        assert Backups.model_validate(settings.to_json()) == settings


def test_secrets_are_made_for_what_is_used() -> None:
    assert Backups().secrets() == ()
    assert Backups(target=NAS).secrets() == ("backup/password",)
    assert Backups(target=SFTP).secrets() == ("backup/password", "backup/ssh-key")


def test_every_host_keeps_its_configurations_and_one_the_secrets() -> None:
    roles = machine(Prometheus(), Alertmanager(), Ledger())
    assert [x.what for x in kept(roles, "one")] == [
        *("prometheus", "alertmanager", "ledger", "configurations", "secret-store"),
    ]
    other = machine(GRAFANA, name="two")
    assert [x.what for x in kept(other, "one")] == ["grafana", "configurations"]


@pytest.mark.parametrize("role", [Prometheus(), Alertmanager(), GRAFANA])
def test_each_role_with_data_can_tell_whether_a_copy_is_of_use(role: Settings) -> None:
    for declared in role.backups(machine(role)):
        assert declared.units and "$RESTORED" in declared.drill
        assert subprocess.run(["sh", "-n", "-c", declared.drill]).returncode == 0


def test_blocks_of_prometheus_are_told_from_its_log() -> None:
    (blocks,) = Prometheus().backups(machine(Prometheus()))
    (pattern,) = blocks.held
    assert Path("/var/lib/prometheus/metrics2/01KAVBQ8QG5X3V9W1T7R2M4N6P").match(pattern)
    for other in ("wal", "chunks_head", "01KAVBQ8QG5X3V9W1T7R2M4N6P.tmp-for-deletion"):
        assert not Path(f"/var/lib/prometheus/metrics2/{other}").match(pattern)


def test_a_host_with_data_and_without_a_backup_is_refused() -> None:
    bare = topology(machine(Ledger()))
    assert [str(problem) for problem in without_backup(bare)] == [
        "one: ledger keeps data there that nothing can make again (ledger), and the host has no "
        "backup; add one to `backup` in the inventory"
    ]
    assert without_backup(topology(machine(Ledger(), Backups()))) == []
    assert without_backup(topology(machine())) == []


def test_the_keeper_of_the_secrets_has_a_backup_and_names_are_given_once() -> None:
    lone = machine(Backups(secret_store_on="two"))
    (conflict,) = lone.settings["backup"].conflicts(lone, topology(lone))
    assert (conflict.what, conflict.remedy) == (
        "secret_store_on names two, which has no backup",
        "name one of one in group_data/backup.py",
    )
    keeper = machine(Backups(), name="two")
    assert lone.settings["backup"].conflicts(lone, topology(lone, keeper)) == ()

    class Twin(Ledger):
        role = "twin"

    both = machine(Ledger(), Twin(), Backups())
    assert [x.what for x in both.settings["backup"].conflicts(both, topology(both))] == [
        "two backups are named `ledger`"
    ]


def test_the_program_is_told_where_and_what() -> None:
    by_folder = told(FOLDER_SETTINGS, machine(Ledger()))
    assert by_folder["repository"] == "/mnt/nas/ai-idp/one"
    assert by_folder["mount_point"] == "/mnt/nas"
    assert by_folder["keep"] == {"daily": 7, "weekly": 4, "monthly": 6}
    assert by_folder["jobs"][0] == {
        **{"what": "ledger", "paths": ["/srv/ledger"], "databases": ["/srv/ledger/x.db"]},
        **{"units": [], "drill": "", "held": [], "early": [], "in_place": True},
    }
    by_sftp = told(Backups(target=SFTP), machine(Ledger()))
    assert by_sftp["repository"] == "sftp:nas:backups/one"
    assert by_sftp["sftp_command"] == "ssh -F /etc/ai-idp/backup/ssh_config nas -s sftp"


def test_models_are_mirrored_where_there_are_any() -> None:
    server = machine(models, FOLDER_SETTINGS)
    assert mirrors(server) == (("models", "/srv/models"),)
    (mirror,) = told(FOLDER_SETTINGS, server)["mirrors"]
    assert mirror["destination"] == "/mnt/nas/ai-idp/mirrors/one/models"
    assert "ai-idp-backup-mirror.timer" in timers(server)
    assert "ai-idp-backup-mirror.timer" not in timers(machine(Ledger()))


def test_the_backup_may_write_only_where_it_has_to() -> None:
    text = texts(FOLDER_SETTINGS, machine(Ledger()))["/etc/systemd/system/ai-idp-backup.service"]
    service = unit(text)["Service"]
    assert service["ProtectSystem"] == "strict"
    writable = {line.partition("=")[2] for line in text.splitlines() if "ReadWritePaths" in line}
    assert writable == {"-/var/lib/prometheus/node-exporter", "-/mnt/nas", "-/srv/ledger"}
    assert service["MemoryMax"] == "512M" and service["Nice"] == "19"


def test_the_nas_is_mounted_before_and_one_that_cannot_be_fails_the_backup_itself() -> None:
    for path, text in texts(FOLDER_SETTINGS, machine(models)).items():
        if path.endswith(".service") and "recover" not in path:
            lines = text.splitlines()
            assert {"Wants=mnt-nas.mount", "After=mnt-nas.mount"} <= set(lines), path
            # A unit that requires a mount is never started where that fails, and so never fails.
            assert not [line for line in lines if line.startswith("Requires")], path


@pytest.mark.parametrize(
    ("mount_point", "unit_name"),
    [
        ("/mnt/nas", "mnt-nas.mount"),
        ("/mnt/my-nas", r"mnt-my\x2dnas.mount"),
        ("/srv/nas.1/Büro_x", r"srv-nas.1-B\xc3\xbcro_x.mount"),
    ],
)
def test_the_mount_has_the_name_that_systemd_escape_gives_it(
    mount_point: str, unit_name: str
) -> None:
    assert Folder(mount_point=mount_point, path=f"{mount_point}/x").mount_unit == unit_name


def test_timers_are_made_up_for_and_spread() -> None:
    for path, text in texts(FOLDER_SETTINGS, machine(models)).items():
        if path.endswith(".timer"):
            timer = unit(text)["Timer"]
            assert timer["Persistent"] == timer["FixedRandomDelay"] == "yes", path
            assert timer["RandomizedDelaySec"] == "120min", path


def test_only_the_pinned_nas_is_talked_to_by_ssh() -> None:
    found = texts(Backups(target=SFTP), machine(Ledger()))
    assert found["/etc/ai-idp/backup/known_hosts"] == f"[nas.home.arpa]:2222 {HOST_KEY}\n"
    ssh = found["/etc/ai-idp/backup/ssh_config"]
    for line in ("StrictHostKeyChecking yes", "GlobalKnownHostsFile /dev/null", "Port 2222"):
        assert f"    {line}\n" in ssh


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    made = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    made.ensure(["backup/password", SSH_KEY, "tls/gateway"])
    return made


def test_secrets_are_files_that_only_root_reads(store: SecretStore) -> None:
    files = secret_files(SFTP, machine(Ledger()), "", store)
    assert [file.path.rpartition("/")[2] for file in files] == ["password", "identity"]
    assert all(isinstance(file, File) and file.secret and file.mode == "0600" for file in files)
    store.rotate("backup/password")
    files = secret_files(NAS, machine(Ledger()), "", store)
    assert [file.path.rpartition("/")[2] for file in files] == ["password", "password.previous"]


def test_the_secret_store_is_kept_encrypted_and_the_same_while_it_is(store: SecretStore) -> None:
    first = store_archive(store)
    (store.directory / "run.lock").write_text("a run")
    assert store_archive(store) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert sorted(archive.getnames()) == [
            *("backup/password.age", "backup/ssh-key.age", "store.json"),
        ]
    value = store.get("backup/password").get_secret_value()
    assert value.encode() not in first
    store.ensure(["new/one"])
    assert store_archive(store) != first


def test_the_key_is_the_one_of_rfc_8032_and_ssh_reads_it(tmp_path: Path) -> None:
    """RFC 8032, section 7.1, test 1: the seed and its public key."""
    file = tmp_path / "identity"
    file.write_bytes(private_file(SEED))
    file.chmod(0o600)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True)
    assert shown.stdout.strip() == public_line(SEED)
    assert private_file(SEED) == private_file(SEED)
    assert public_line(SEED).split()[1] == (
        "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    )
