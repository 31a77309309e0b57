"""n8n: what runs, what its settings say, and that its password's hash is the same each time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bcrypt
import pytest

from deploys.base import Base
from deploys.declarations import MemoryClaim, Route, Scrape
from deploys.n8n import N8n
from deploys.n8n_files import configuration
from deploys.n8n_login import password_hash
from deploys.n8n_steps import steps
from deploys.n8n_tree import OWN_FILES, tree_files, tree_hash
from deploys.nginx import Nginx
from deploys.topology import Machine, Topology
from group_data.n8n import n8n as production
from operations.entries import File
from operations.transaction import Steps

SHA256 = "ab" * 32
DATA = {"domain": "example.home.arpa"}
PASSWORD = "0123456789abcdef" * 4


def made(**more: object) -> N8n:
    given = {"node_version": "24.1.2", "node_sha256": SHA256}
    addon = {"sqlite_addon_version": "5.1.7", "sqlite_addon_sha256": SHA256}
    return N8n.model_validate({**given, **addon, **more})


def text_of(path: str, settings: N8n, *roles: str) -> str:
    machine = Machine("one", "192.0.2.1", roles, {}, DATA)
    door = Machine("door", "192.0.2.9", ("nginx",), {"nginx": Nginx(), "base": Base()}, DATA)
    url = settings.url(Topology((machine, door), ()), machine)
    node, program = settings.node, settings.program
    entries = configuration(settings, machine, url=url, node=node, program=program)
    (found,) = (x for x in entries if isinstance(x, File) and x.path == path)
    return found.content.decode()


def environment(settings: N8n) -> dict[str, str]:
    lines = text_of("/etc/n8n/n8n.env", settings).splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def unit(settings: N8n, *roles: str) -> str:
    return text_of("/etc/systemd/system/n8n.service", settings, *roles)


def steps_of(settings: N8n) -> Steps:
    addon = settings.sqlite_addon().folder
    return steps(settings, addon=addon, tree=settings.tree, endpoint="192.0.2.1:5678")


def test_who_reaches_it_and_who_asks_it() -> None:
    (port,) = made(port=5700).ports()
    assert port.number == 5700
    assert {"nginx", "alertmanager", "prometheus"} <= set(port.reachable_from)
    assert made().scrapes() == (Scrape("n8n", 5678),)
    assert made().route() == Route(5678, "n8n", health="/healthz/readiness", page="/n8n/")


def test_the_hash_fits_the_password_and_is_always_the_same() -> None:
    hashed = password_hash(PASSWORD)
    assert hashed == password_hash(PASSWORD)
    assert bcrypt.checkpw(PASSWORD.encode(), hashed)
    assert not bcrypt.checkpw(PASSWORD.upper().encode(), hashed)
    assert re.fullmatch(rb"\$2b\$10\$[./A-Za-z0-9]{53}", hashed)


def test_passwords_have_salts_of_their_own() -> None:
    assert len({password_hash(text)[:29] for text in (PASSWORD, PASSWORD[:-1], "other")}) == 3


def test_a_password_longer_than_bcrypt_reads_is_no_error() -> None:
    assert password_hash("x" * 80) != password_hash("y" * 80)


def test_settings_reach_its_environment() -> None:
    told = environment(
        made(port=5700, broker_port=5701, payload_limit_mib=3, executions_kept_days=2)
    )
    assert (told["N8N_LISTEN_ADDRESS"], told["N8N_PORT"]) == ("192.0.2.1", "5700")
    assert told["N8N_RUNNERS_BROKER_LISTEN_ADDRESS"] == "127.0.0.1"
    assert told["N8N_RUNNERS_BROKER_PORT"] == "5701"
    assert told["N8N_PAYLOAD_SIZE_MAX"] == "3"
    assert told["EXECUTIONS_DATA_MAX_AGE"] == "48"
    assert told["N8N_WEBHOOK_URL"] == told["N8N_EDITOR_BASE_URL"]
    assert told["N8N_WEBHOOK_URL"].startswith("https://")
    assert told["N8N_WEBHOOK_URL"].endswith("/n8n/")
    assert told["N8N_INSTANCE_OWNER_EMAIL"] == "admin@example.home.arpa"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("N8N_DIAGNOSTICS_ENABLED", "false"),
        ("N8N_VERSION_NOTIFICATIONS_ENABLED", "false"),
        ("N8N_TEMPLATES_ENABLED", "false"),
        ("N8N_LICENSE_AUTO_RENEW_ENABLED", "false"),
        ("N8N_COMMUNITY_PACKAGES_ENABLED", "false"),
        ("N8N_PUBLIC_API_DISABLED", "true"),
        ("N8N_BLOCK_ENV_ACCESS_IN_NODE", "true"),
        ("N8N_SECURE_COOKIE", "true"),
        ("N8N_CONCURRENCY_PRODUCTION_LIMIT", "1"),
        ("N8N_METRICS", "true"),
        ("GENERIC_TIMEZONE", "UTC"),
    ],
)
def test_what_is_never_a_choice(name: str, value: str) -> None:
    assert environment(made())[name] == value


def test_workflows_touch_notes_alone_and_run_no_commands() -> None:
    told = environment(made())
    folders = told["N8N_RESTRICT_FILE_ACCESS_TO"].split(";")
    assert folders == [
        f"/srv/vault/{name}" for name in ("Commits", "Daily", "Experiments", "Incidents")
    ]
    excluded = json.loads(told["NODES_EXCLUDE"].strip("'"))
    assert excluded == [
        f"n8n-nodes-base.{name}" for name in ("executeCommand", "localFileTrigger", "ssh")
    ]
    (writable,) = re.findall(r"^ReadWritePaths=(.*)$", unit(made()), re.MULTILINE)
    assert writable.split() == [f"-{folder}" for folder in folders]


def test_no_secret_is_in_the_unit_or_the_environment() -> None:
    told = environment(made())
    names = ("N8N_ENCRYPTION_KEY", "N8N_INSTANCE_OWNER_PASSWORD_HASH")
    assert not [name for name in names if name in told or f"{name}=" in unit(made())]


def test_it_joins_the_vault_s_group_where_there_is_one() -> None:
    assert "\nSupplementaryGroups=vault\n" in unit(made(), "vault")
    assert "SupplementaryGroups" not in unit(made())


def test_its_limit_of_memory_is_the_setting() -> None:
    assert "\nMemoryMax=2000M\n" in unit(made(memory_limit_mib=2000))


def test_its_limit_of_memory_is_what_it_claims_of_its_host() -> None:
    machine = Machine("one", "192.0.2.1", (), {}, DATA)
    assert made(memory_limit_mib=2000).memory(machine) == (MemoryClaim(2000),)


def test_the_unit_names_node_and_the_tree_by_what_they_are_made_of() -> None:
    settings = made()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit(settings), re.MULTILINE)
    node = f"/opt/ai-idp/archives/node/24.1.2-{SHA256[:12]}/node-v24.1.2-linux-x64/bin/node"
    hashed = tree_hash(tree_files(), settings.sqlite_addon_sha256)
    tree = f"/opt/ai-idp/n8n/{settings.version}-{hashed}"
    assert command == f"{node} {tree}/node_modules/n8n/bin/n8n start"


def test_another_file_of_the_tree_is_another_tree() -> None:
    before = tree_files()
    hashes = {tree_hash({**before, name: b"other"}, SHA256) for name in before}
    assert len({*hashes, tree_hash(before, SHA256)}) == len(before) + 1
    assert made(sqlite_addon_sha256="cd" * 32).build != made().build


def test_the_archives_are_the_projects_own() -> None:
    assert made().node_archive().url == (
        "https://nodejs.org/dist/v24.1.2/node-v24.1.2-linux-x64.tar.gz"
    )
    assert made().sqlite_addon().url == (
        "https://github.com/TryGhost/node-sqlite3/releases/download/v5.1.7/"
        "sqlite3-v5.1.7-napi-v6-linux-x64.tar.gz"
    )


def lock() -> dict[str, dict[str, object]]:
    text = (OWN_FILES / "package-lock.json").read_text()
    found: dict[str, dict[str, object]] = json.loads(text)["packages"]
    return found


def test_the_lock_knows_every_package_by_its_integrity_and_none_by_its_address() -> None:
    packages = {path: entry for path, entry in lock().items() if path.startswith("node_modules/")}
    links = {path: entry for path, entry in packages.items() if entry.get("link")}
    assert all(str(entry["resolved"]).startswith("left-out/") for entry in links.values())
    others = [entry for path, entry in packages.items() if path not in links]
    assert others
    assert not [entry for entry in others if "resolved" in entry or "integrity" not in entry]


def test_the_lock_has_the_declared_n8n_and_addon() -> None:
    packages = lock()
    assert packages["node_modules/n8n"]["version"] == production.version
    assert packages["node_modules/sqlite3"]["version"] == production.sqlite_addon_version


def test_npm_is_told_to_run_no_script() -> None:
    assert "ignore-scripts=true" in (OWN_FILES / ".npmrc").read_text().splitlines()


def test_a_backup_has_the_database_and_its_key() -> None:
    machine = Machine("one", "192.0.2.1", (), {}, DATA)
    (backup,) = made().backups(machine)
    assert backup.databases == ("/var/lib/n8n/.n8n/database.sqlite",)
    assert backup.paths == ("/var/lib/n8n", "/etc/n8n/secrets")
    assert backup.units == ("n8n",)
    assert "PrivateNetwork=yes" in backup.drill


def test_the_probe_records_the_version_last() -> None:
    probe = steps_of(made()).probe
    assert probe.index("/metrics") < probe.index("versioned-data healthy")


def test_another_key_is_refused_before_npm_starts() -> None:
    prepare = steps_of(made()).prepare
    assert prepare.index("was made with another key") < prepare.index("npm --prefix")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("node_version", "22.1.0", "String should match pattern"),
        ("node_sha256", "AB" * 32, "String should match pattern"),
        ("memory_limit_mib", 500, "Input should be greater than or equal to 768"),
        ("model_role", "triton", "Input should be 'llama_cpp' or 'vllm'"),
    ],
)
def test_a_value_out_of_range_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{field}\n  {message}"):
        made(**{field: value})


def test_left_out_packages_are_no_real_ones() -> None:
    folders = sorted((OWN_FILES / "left-out").iterdir())
    found = {Path(x).name: json.loads((x / "package.json").read_text()) for x in folders}
    assert {package["version"] for package in found.values()} == {"0.0.0"}
