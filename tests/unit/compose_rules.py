"""Rules of Compose files: what no stack of ours says, and what each has to say.

A rule takes one file as parsed YAML, and names each service that breaks it with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from deploys.jetson_image import PUBLISHER

Definition = Mapping[str, Any]
Rule = Callable[[Definition], list[str]]

# Compose puts the value there itself; a `$$` stays, for the container's own shell.
_SECRET_IN_PLACE = re.compile(r"(?<!\$)\$\{?\w*(KEY|TOKEN|SECRET|PASSWORD)\w*")
_OPTED_OUT = {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


def services(definition: Definition) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from definition["services"].items()


def has_no_version(definition: Definition) -> list[str]:
    return ["`version` is obsolete; take it out"] if "version" in definition else []


def gives_cards_by_one_way(definition: Definition) -> list[str]:
    return [
        f"{name}: `runtime: {service['runtime']}` gives it cards past its devices; take it out"
        for name, service in services(definition)
        if "runtime" in service and not _is_for_a_jetson(service)
    ]


def _is_for_a_jetson(service: Mapping[str, Any]) -> bool:
    """Its GPU is no device that `driver: cdi` would name before someone wrote a specification."""
    return str(service.get("image", "")).startswith(f"{PUBLISHER}:") and "deploy" not in service


def gives_cards_by_cdi(definition: Definition) -> list[str]:
    """What the driver's own runtime adds is lost when systemd reloads."""
    return [
        f"{name}: device driver `{device.get('driver')}`; give the card by `driver: cdi`"
        for name, service in services(definition)
        for device in _devices(service)
        if device.get("driver") != "cdi"
    ]


def publishes_on_an_address(definition: Definition) -> list[str]:
    return [
        f"{name}: `{port}` is published on every address, past the host's firewall; "
        "name the address before it"
        for name, service in services(definition)
        for port in service.get("ports", [])
        if not _address(str(port))
    ]


def says_no_secret(definition: Definition) -> list[str]:
    """Both are shown by `docker inspect`, the command by `ps` too."""
    return [
        f"{name}: `{found[0]}` in its {part} shows the secret; give it as a file of `secrets:`"
        for name, service in services(definition)
        for part in ("command", "entrypoint", "environment")
        for found in _SECRET_IN_PLACE.finditer(_text(service.get(part)))
    ]


def reads_no_shared_environment(definition: Definition) -> list[str]:
    return [
        f"{name}: env_file gives it the keys of all services; give it its own as `secrets:`"
        for name, service in services(definition)
        if "env_file" in service
    ]


def mounts_no_engine(definition: Definition) -> list[str]:
    return [
        f"{name}: mounts `{source}`, which makes it root of the host; take it out"
        for name, service in services(definition)
        for source in _sources(service)
        if source.endswith("docker.sock")
    ]


def has_no_privileges(definition: Definition) -> list[str]:
    return [
        f"{name}: {complaint}"
        for name, service in services(definition)
        for complaint in _privileges(service)
    ]


def _privileges(service: Mapping[str, Any]) -> Iterator[str]:
    if "ALL" not in service.get("cap_drop", []):
        yield "keeps capabilities; say `cap_drop: [ALL]`"
    for capability in service.get("cap_add", []):
        yield f"asks for {capability}, which nothing here needs; take it out"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield 'can gain privileges; say `security_opt: ["no-new-privileges:true"]`'
    if not service.get("read_only"):
        yield "can change its own programs; say `read_only: true`"


def compiles_where_it_may_run(definition: Definition) -> list[str]:
    """Docker mounts tmpfs noexec, and vLLM loads what it compiled into /tmp and its caches."""
    return [
        f"{name}: {complaint}"
        for name, service in _of_vllm(definition)
        if service.get("read_only")
        for complaint in _uncompilable(service)
    ]


def _uncompilable(service: Mapping[str, Any]) -> Iterator[str]:
    if not any(re.match(r"/tmp:(.*,)?exec\b", mount) for mount in service.get("tmpfs", [])):
        yield "what vLLM compiles in /tmp cannot run; mount `/tmp:exec`"
    home = _environment(service).get("HOME")
    if home is None or not any(path == home for path in _writable(service)):
        yield "vLLM cannot keep what it compiled; mount a folder where HOME is"


def tells_nobody(definition: Definition) -> list[str]:
    return [
        f"{name}: vLLM tells its makers of its usage or asks the hub; set {variable}={value}"
        for name, service in _of_vllm(definition)
        for variable, value in _OPTED_OUT.items()
        if _environment(service).get(variable) != value
    ]


def is_watched(definition: Definition) -> list[str]:
    """An image without a shell, `distroless`, has nothing that could ask: Prometheus does."""
    return [
        f"{name}: has no healthcheck; ask its health path"
        for name, service in services(definition)
        if "healthcheck" not in service and "distroless" not in service["image"]
    ]


def has_time_to_start(definition: Definition) -> list[str]:
    return [
        f"{name}: counts as unhealthy while it loads; give its healthcheck a start_period"
        for name, service in services(definition)
        if "start_period" not in service.get("healthcheck", {"start_period": ""})
    ]


RULES: tuple[Rule, ...] = (
    has_no_version,
    gives_cards_by_one_way,
    gives_cards_by_cdi,
    publishes_on_an_address,
    says_no_secret,
    reads_no_shared_environment,
    mounts_no_engine,
    has_no_privileges,
    compiles_where_it_may_run,
    tells_nobody,
    is_watched,
    has_time_to_start,
)


def complaints(definition: Definition) -> list[str]:
    return [complaint for rule in RULES for complaint in rule(definition)]


def _of_vllm(definition: Definition) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, found) for name, found in services(definition) if "/vllm-" in found["image"]]


def _devices(service: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    resources = service.get("deploy", {}).get("resources", {})
    found: list[Mapping[str, Any]] = resources.get("reservations", {}).get("devices", [])
    return found


def _address(port: str) -> bool:
    """Whether `[address:][host:]container` begins with an address that is one host's own."""
    address = port.rsplit(":", 2)[0] if port.count(":") > 1 else ""
    try:
        return not ip_address(address.strip("[]")).is_unspecified
    except ValueError:
        return False


def _text(value: Any) -> str:
    words = [f"{key}={word}" for key, word in value.items()] if isinstance(value, dict) else value
    return " ".join(map(str, words)) if isinstance(words, list) else str(words or "")


def _environment(service: Mapping[str, Any]) -> dict[str, str]:
    """Variables, which Compose takes as a map or as `NAME=value`."""
    found = service.get("environment", {})
    pairs = found.items() if isinstance(found, dict) else (x.split("=", 1) for x in found)
    return {name: str(value) for name, value in pairs}


def _mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Source, target and whether it is read-only, of both ways to write a mount."""
    for mount in service.get("volumes", []):
        if isinstance(mount, str):
            source, target, *mode = mount.split(":")
            yield source, target, mode == ["ro"]
        else:
            yield mount["source"], mount["target"], bool(mount.get("read_only"))


def _sources(service: Mapping[str, Any]) -> list[str]:
    return [source for source, _, _ in _mounts(service)]


def _writable(service: Mapping[str, Any]) -> list[str]:
    return [target for _, target, read_only in _mounts(service) if not read_only]
