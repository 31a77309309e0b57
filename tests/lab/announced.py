"""Announced is executed: a plan held against what an observer saw before and after the run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lab.observer import Observation
from operations.model_differences import LOCKED_BY_THE_RUN

GENERATED: Mapping[str, str] = {
    r"/etc/alternatives/.+": "links that announced packages register (update-alternatives)",
    r"/etc/rc[S0-6]\.d/.+": "start links of the init scripts of announced packages",
    r"/etc/init\.d/.+": "executable as long as its announced package is installed",
    r"/etc/systemd/system/sshd\.service": "the second name of ssh.service while that is enabled",
    r"/etc/systemd/system/(upsd|upsmon)\.service": "second names of NUT's units while enabled",
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?": "accounts of announced packages",
    r"/etc/ssl/certs/.+": "made from the announced CA (update-ca-certificates)",
    r"/etc/ld\.so\.cache": "made from the libraries of announced packages (ldconfig)",
    r"/etc/apt/apt\.conf\.d/50unattended-upgrades": "written when its package is configured",
    r"/etc/nginx/sites-enabled/default": "linked when its package is configured",
    r"/etc/lighttpd/conf-enabled(/.+)?": "linked when Prometheus' JavaScript is configured",
    r"/etc/cni(/net\.d)?|/opt/containerd(/.+)?": "made when containerd starts",
    r"/etc/grafana(/(ldap\.toml|provisioning(/.+)?))?": "written when its package is configured",
    r"/opt/ai-idp/models/client-[0-9a-f]+(/.+)?": "follows from the announced requirements.txt",
    r"/opt/ai-idp/mlflow/server-[0-9a-f]+(/.+)?": "follows from the announced requirements.txt",
    r"/opt/ai-idp/workstation/clients-[0-9a-f]+(/.+)?": "follows from its requirements.txt",
    r"/etc/pam\.d/common-.+": "made from announced profiles (pam-auth-update)",
    r"/srv/models(/[^/]+(/[0-9a-f]{40}(/\.verified)?)?)?": "folders and marks of announced models",
    r"/srv/models/\.incoming/lock": "keeps two downloads apart",
    r"/opt/ai-idp(/archives(/.+)?)?": "announced archives, and what they hold",
    r"/srv/git/[^/]+\.git/.+": "what git keeps in an announced repository",
    r"/srv/vault/.+": "notes, and what announced seeds were planted as",
    r"/opt/ai-idp/npu/openvino-[0-9a-f]+": "follows from the announced requirements.txt",
    r"/opt/ai-idp/n8n": "folder of announced files and of what follows from them",
    r"/var/lib/ai-idp-(commit-events|vault)/.+": "what programs of announced units keep there",
    r"/var/lib/prometheus(/node-exporter(/.+)?)?": "its package makes it, units write there",
    r"/var/lib/ai-idp/roles": "folder of the announced records",
    r"/var/cache/ai-idp/vllm/.+": "what the server compiles for itself",
}
"""Paths (regular expressions) that no plan names, and why nobody has to announce them."""

ARCHIVE = r"/opt/ai-idp/archives/[^/]+/[^/]+"
"""The folder of one release."""

STARTED_BY_OTHERS: Mapping[str, str] = {
    r"containerd\.service|docker\.socket": "docker.service requires them",
    r"unattended-upgrades\.service": "enabled by its announced package",
    r"systemd-journal-upload\.service": "ends and starts again for as long as VictoriaLogs is off",
    r"user(-runtime-dir)?@\d+\.service": "somebody is logged in",
}
"""Units (regular expressions) whose state no plan names, and whose doing it is."""

TURNED_BY_A_BOOT: Mapping[str, str] = {
    r"(systemd-(update-done|journal-catalog-update|sysusers)|ldconfig)\.service": (
        "at work only at the first boot after a change of /usr"
    ),
    r"ai-idp-recover\.service": "works at each boot",
}
"""Units that start or stop where the plan announces a reboot, and why."""

Row = Mapping[str, Any]
OFF = ("inactive", "")
"""The state of a unit that does not exist."""


def differences(rows: Sequence[Row], before: Observation, after: Observation) -> list[str]:
    """Every way in which the run was not what the plan of one host said; none is right."""
    entries = _of(rows, "file", "directory", "link")
    models = {
        path: sha256
        for row in rows
        if row["kind"] == "model"
        for path, sha256 in row["detail"].items()
    }
    return [
        *_entries_as_announced(entries, after),
        *_models_as_announced(models, after),
        *_archives(_of(rows, "archive"), before, after),
        *_silent_entries({*entries, *models}, before, after),
        *_packages(_of(rows, "package"), before, after),
        *_units(rows, before, after),
        *_containers(_of(rows, "container"), before, after),
        *_guests(rows, before, after),
        *_templates(_of(rows, "template"), before, after),
    ]


def is_generated(path: str) -> bool:
    """Whether what lies at `path` follows from announced changes without being one."""
    return is_known(path, GENERATED)


def _of(rows: Sequence[Row], *kinds: str) -> dict[str, Row]:
    return {row["what"]: row for row in rows if row["kind"] in kinds}


def _archives(announced: Mapping[str, Row], before: Observation, after: Observation) -> list[str]:
    """Each release that came was announced, and each announced one came."""
    told = {row["detail"]["folder"] for row in announced.values() if row["action"] == "download"}
    came = {path for path in after.entries if re.fullmatch(ARCHIVE, path)}
    came -= before.entries.keys()
    return [f"archive {path} was announced or came, not both" for path in sorted(told ^ came)]


def _guests(rows: Sequence[Row], before: Observation, after: Observation) -> list[str]:
    """Each container of a node is as announced, and no other one has changed."""
    told = [row for row in rows if row["kind"] == "guest"]
    names = {row["what"] for row in told}
    silent = {
        name
        for name in before.guests | after.guests
        if before.guests.get(name) != after.guests.get(name)
    } - names
    wrong = [f"guest {name} changed and was not announced" for name in sorted(silent)]
    for row in told:
        seen, was = after.guests.get(row["what"], {}), before.guests.get(row["what"], {})
        if row["action"] == "create" and was:
            wrong.append(f"guest {row['what']} was to be created and was there before")
        if row["action"] in ("modify", "restart") and not was:
            wrong.append(f"guest {row['what']} was to {row['action']} and was not there before")
        if row["action"] in ("create", "start", "restart") and seen.get("status") != "running":
            wrong.append(f"guest {row['what']} does not run")
        wrong += [
            f"guest {row['what']}: {option} was announced as {value}, and is {seen.get(option)}"
            for option, value in row["detail"].items()
            if not _is_given(option, value, seen)
        ]
    return wrong


def _is_given(option: str, value: str, seen: Mapping[str, str]) -> bool:
    """Whether a container has the announced value; a node adds to some what nobody announces."""
    if option == "rootfs":
        storage, size = value.split(":")
        found = seen["rootfs"]
        return found.startswith(f"{storage}:") and found.endswith(f",size={size}G")
    if option == "size":
        return seen["rootfs"].endswith(f",size={value}")
    return {*value.split(",")} <= {*seen.get(option, "").split(",")}


def _templates(announced: Mapping[str, Row], before: Observation, after: Observation) -> list[str]:
    wrong = announced.keys() ^ (after.templates - before.templates)
    return [f"template {name} was announced or came, not both" for name in sorted(wrong)]


def _entries_as_announced(announced: Mapping[str, Row], after: Observation) -> list[str]:
    wrong = []
    for path, row in announced.items():
        found = after.entries.get(path)
        if row["action"] == "remove":
            if found is not None:
                wrong.append(f"{path} was to be removed and is there")
        elif found is None:
            wrong.append(f"{path} was announced and is not there")
        elif (told := _told(row)) != (seen := _seen(row, found)):
            wrong.append(f"{path} was announced as {told} and is {seen}")
    return wrong


def _told(row: Row) -> tuple[str, ...]:
    detail = row["detail"]
    match row["kind"]:
        case "file":
            return ("file", detail["mode"].lstrip("0"), detail["owner"], detail["sha256"])
        case "directory":
            return ("directory", detail["mode"].lstrip("0"), detail["owner"])
        case _:
            return ("link", detail["target"])


def _seen(row: Row, found: tuple[str, str, str, str]) -> tuple[str, ...]:
    kind, mode, owner, content = found
    return {"file": found, "directory": (kind, mode, owner)}.get(row["kind"], (kind, content))


def _models_as_announced(announced: Mapping[str, str], after: Observation) -> list[str]:
    return [
        f"the model's file {path} is not the announced one"
        for path, sha256 in announced.items()
        if path not in after.entries or sha256 not in (after.entries[path][-1], LOCKED_BY_THE_RUN)
    ]


def _silent_entries(announced: set[str], before: Observation, after: Observation) -> list[str]:
    """A file that comes or goes with a package is covered by the package; a changed one is not."""
    touched = {path for path, _ in before.entries.items() ^ after.entries.items()}
    moved = before.entries.keys() ^ after.entries.keys()
    packaged = moved & (before.owned | after.owned)
    return [
        f"{path} changed and was not announced"
        for path in sorted(touched - announced - packaged)
        if not is_generated(path)
    ]


def _packages(announced: Mapping[str, Row], before: Observation, after: Observation) -> list[str]:
    told = {
        (name, "gone" if row["action"] == "remove" else row["detail"]["version"])
        for name, row in announced.items()
    }
    seen = set(after.packages.items() - before.packages.items())
    seen |= {(name, "gone") for name in before.packages.keys() - after.packages.keys()}
    wrong = [f"package {name} {version} was announced, not seen" for name, version in told - seen]
    return wrong + [f"package {name} {version} came unannounced" for name, version in seen - told]


def _units(rows: Sequence[Row], before: Observation, after: Observation) -> list[str]:
    """Each announced action turned the unit from what it was, and no other unit turned."""
    told = {(row["what"], row["action"]) for row in rows if row["kind"] == "unit"}
    settings = " ".join(row["what"] for row in rows if row["kind"] == "setting")
    seen = {
        (unit, action)
        for unit in before.units | after.units
        for action in _turned(before.units.get(unit, OFF), after.units.get(unit, OFF))
    }
    seen |= {pair for pair in told if pair[1].startswith("reload")}
    wrong = [f"{action} {unit} was announced, not seen" for unit, action in told - seen]
    return wrong + [
        f"{unit} was turned ({action}) unannounced"
        for unit, action in seen - told
        if unit not in settings and not is_known(unit, STARTED_BY_OTHERS)
        if not (_reboots(rows) and action in ("start", "stop") and is_known(unit, TURNED_BY_A_BOOT))
    ]


def _reboots(rows: Sequence[Row]) -> bool:
    return any((row["kind"], row["action"]) == ("host", "reboot") for row in rows)


def _turned(before: tuple[str, str], after: tuple[str, str]) -> list[str]:
    """What happened to a unit, in the plan's words."""
    activity = {(False, True): "start", (True, False): "stop"}
    enablement = {(False, True): "enable", (True, False): "disable"}
    found = (
        activity.get((before[0] == "active", after[0] == "active")),
        enablement.get((before[1] == "enabled", after[1] == "enabled")),
    )
    return [action for action in found if action]


def _containers(announced: Mapping[str, Row], before: Observation, after: Observation) -> list[str]:
    told = {f"{name.replace('/', '-')}-1": row for name, row in announced.items()}
    seen = {name for name, _ in before.containers.items() ^ after.containers.items()}
    wrong = [f"container {name} was announced or changed, not both" for name in told.keys() ^ seen]
    for name in told.keys() & seen & after.containers.keys():
        image, state, _ = after.containers[name]
        if state != "running" or image != told[name]["detail"].get("image", image):
            wrong.append(f"container {name} is {state} from {image}, not as announced")
    return wrong


def is_known(name: str, known: Mapping[str, str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in known)
