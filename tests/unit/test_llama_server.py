"""What the roles of llama-server share: refusals, the host's cores and memory, the container."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from deploys.catalogue import Model
from deploys.declarations import MemoryClaim, Route
from deploys.embeddings import Embeddings
from deploys.hardware import Hardware
from deploys.llama_cpp import LlamaCpp
from deploys.llama_server import LlamaServer
from deploys.llama_stack import Stack
from deploys.topology import Machine, Topology
from operations.entries import File
from tests.unit.sample_models import CHAT, IMAGE, MODELS

DESKTOP = Hardware(physical_cores=12, memory_gib=128, disk_gib=1000)
ROLES: list[tuple[type[LlamaServer], str]] = [(LlamaCpp, "chat"), (Embeddings, "encoder")]


def made(role: type[LlamaServer], model: str, **more: Any) -> LlamaServer:
    return role.model_validate({"image": IMAGE, "model": model, **more})


def machine(hardware: Hardware | None = DESKTOP) -> Machine:
    return Machine("one", "192.0.2.1", (), {"models": MODELS}, {"hardware": hardware})


def conflicts(settings: LlamaServer, hardware: Hardware | None = DESKTOP) -> list[str]:
    found = settings.conflicts(machine(hardware), Topology((), ()))
    return [f"{conflict.what}; {conflict.remedy}" for conflict in found]


REFUSED = [
    (("--mlock",), "`--mlock` was removed; use --load-mode; take it out"),
    (("--no-mmap",), "`--no-mmap` was removed; use --load-mode; take it out"),
    (
        ("--load-mode", "mlock"),
        "`--load-mode mlock` needs the right to lock memory, which the container does not have; "
        "take it out",
    ),
    (("--draft-max", "8"), "`--draft-max` was removed; use --spec-draft-n-max; take it out"),
    (("--draft", "8"), "`--draft` was removed; use --spec-draft-n-max; take it out"),
    (
        ("--log-disable",),
        "`--log-disable` takes away the log that a failed start is explained by; take it out",
    ),
    # llama-server reads an underscore as a dash.
    (
        ("--log_disable",),
        "`--log-disable` takes away the log that a failed start is explained by; take it out",
    ),
    (
        ("--api-key", "x"),
        "`--api-key` would show the key; the role passes a file; take it out",
    ),
    (
        ("--tools", "all"),
        "`--tools` opens the host to whoever reaches the port; take it out",
    ),
    (
        ("--rpc", "192.0.2.9:50052"),
        "`--rpc` opens the host to whoever reaches the port; take it out",
    ),
    (("-np", "8"), "`-np` is parallel_sequences; take it out"),
    (("-t", "12"), "`-t` is threads; take it out"),
    (("-tb", "64"), "`-tb` follows threads by itself; take it out"),
    (("--metrics",), "`--metrics` is set by the role; take it out"),
    (
        ("-ngl", "99"),
        "`-ngl` is for graphics cards; this role works on the processor; take it out",
    ),
    (
        ("-hf", "owner/model"),
        "`-hf` fetches another model; the role serves `model`; take it out",
    ),
    (
        ("--hf-token", "hf_secret"),
        "`--hf-token` would show a token in the process list; take it out",
    ),
    (
        ("--ssl-key-file", "/key.pem"),
        "`--ssl-key-file` makes the server speak TLS, which the gateway does; take it out",
    ),
    (
        ("--api-prefix", "/llm"),
        "`--api-prefix` moves the server from where its users ask; take it out",
    ),
    (
        ("--model-draft", "/models/small.gguf"),
        "`--model-draft` loads a further file, which no memory is reckoned for; take it out",
    ),
]


@pytest.mark.parametrize(("role", "model"), ROLES)
@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_arguments_that_break_something_are_refused(
    role: type[LlamaServer], model: str, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        made(role, model, extra_arguments=arguments)
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"


@pytest.mark.parametrize(("role", "model"), ROLES)
@pytest.mark.parametrize("arguments", [("--temp", "0.2"), ("--load-mode", "mmap"), ("--no-ui",)])
def test_other_arguments_come_last_in_the_command_line(
    role: type[LlamaServer], model: str, arguments: tuple[str, ...]
) -> None:
    settings = made(role, model, extra_arguments=arguments)
    assert settings.arguments(CHAT, threads=2)[-len(arguments) :] == arguments


@pytest.mark.parametrize(("role", "model"), ROLES)
def test_the_projects_former_registry_is_refused(role: type[LlamaServer], model: str) -> None:
    stale = IMAGE.replace("ggml-org", "ggerganov")
    with pytest.raises(ValidationError) as refused:
        made(role, model, image=stale)
    (error,) = refused.value.errors()
    assert error["msg"] == (
        f"Value error, `{stale}` is where the project was; "
        "its images are now ghcr.io/ggml-org/llama.cpp"
    )


@pytest.mark.parametrize("image", ["ghcr.io/ggml-org/llama.cpp:server", "llama.cpp:server-b1"])
def test_an_image_that_moves_is_refused(image: str) -> None:
    with pytest.raises(ValidationError, match="may become another program tomorrow"):
        LlamaCpp(image=image, model="chat")


@pytest.mark.parametrize(("role", "model"), ROLES)
def test_what_fits_the_host_is_taken(role: type[LlamaServer], model: str) -> None:
    assert conflicts(made(role, model)) == []


def test_each_core_of_the_host_has_a_thread() -> None:
    settings = LlamaCpp(image=IMAGE, model="chat")
    threads = settings.threads_on(machine())
    arguments = settings.arguments(CHAT, threads)
    assert arguments[arguments.index("--threads") + 1] == "12"
    assert "--threads-batch" not in arguments


def test_fewer_threads_than_cores_are_a_choice() -> None:
    settings = LlamaCpp(image=IMAGE, model="chat", threads=4)
    assert settings.threads_on(machine()) == 4
    assert conflicts(settings) == []
    assert conflicts(settings, hardware=None) == []


def test_more_threads_than_cores_are_refused() -> None:
    assert conflicts(LlamaCpp(image=IMAGE, model="chat", threads=64)) == [
        "threads (64) are more than the cores of the host (12); the work waits for the slowest; "
        "take `threads` out of group_data/llama_cpp.py: then each core has one"
    ]


def test_threads_of_a_host_whose_cores_nobody_stated_are_refused() -> None:
    assert conflicts(LlamaCpp(image=IMAGE, model="chat"), hardware=None) == [
        "threads are the cores of the host, and the inventory does not say how many it has; "
        "give the host its `hardware` in the inventory, or set `threads` in "
        "group_data/llama_cpp.py"
    ]


MISPLACED = [
    (
        LlamaCpp(image=IMAGE, model="chatt"),
        "the host holds no model `chatt`; it holds chat; "
        "set `model` in group_data/llama_cpp.py to one of them",
    ),
    (
        LlamaCpp(image=IMAGE, model="tensors"),
        "`tensors` is safetensors, and llama-server reads gguf; "
        "set `model` in group_data/llama_cpp.py to another one of the catalogue",
    ),
    (
        LlamaCpp(image=IMAGE, model="encoder"),
        "`encoder` keeps no KV cache: it is an encoder and completes nothing; "
        "set `model` in group_data/llama_cpp.py to another one of the catalogue",
    ),
    (
        Embeddings(image=IMAGE, model="chat"),
        "`chat` keeps a KV cache: it is no encoder, and answers with words; "
        "set `model` in group_data/embeddings.py to another one of the catalogue",
    ),
    (
        Embeddings(image=IMAGE, model="encoder", context_tokens=8192, memory_limit_mib=4096),
        "a context of 8192 tokens is longer than the 2048 that `encoder` was made for; "
        "lower it in group_data/embeddings.py",
    ),
    (
        LlamaCpp(image=IMAGE, model="chat", parallel_sequences=32),
        "memory_limit_mib (8192) is less than the 17793 MiB that 32 x 4096 tokens come to need: "
        "weights 1926 + KV cache 14336 + kept prompts 1024 + scores 251 + process 256; "
        "raise it in group_data/llama_cpp.py, or ask for less there",
    ),
    (
        Embeddings(image=IMAGE, model="encoder", memory_limit_mib=512),
        "memory_limit_mib (512) is less than the 652 MiB that 2 x 2048 tokens come to need: "
        "weights 140 + workspace 256 + process 256; "
        "raise it in group_data/embeddings.py, or ask for less there",
    ),
]


@pytest.mark.parametrize(("settings", "message"), MISPLACED)
def test_a_model_that_the_host_cannot_serve_so_is_refused(
    settings: LlamaServer, message: str
) -> None:
    assert conflicts(settings) == [message]


@pytest.mark.parametrize(("role", "model"), ROLES)
def test_it_declares_what_the_others_need_to_know(role: type[LlamaServer], model: str) -> None:
    settings = made(role, model)
    (port,) = settings.ports()
    assert (port.number, port.reachable_from) == (settings.port, ("nginx", "prometheus"))
    assert port.published_by_container
    (scrape,) = settings.scrapes()
    key = f"{role.role}/api-key"
    assert (scrape.job, scrape.port, scrape.bearer_secret) == (role.role, settings.port, key)
    assert settings.secrets() == (key,)
    assert settings.route() == Route(settings.port, role.title)
    assert settings.memory(machine()) == (MemoryClaim(settings.memory_limit_mib),)


def files(settings: LlamaServer, model: Model) -> dict[str, File]:
    stack = Stack(settings, IMAGE, model, "/srv/models/small", "192.0.2.1", threads=2)
    made = stack.entries("secret-key")
    return {entry.path.rpartition("/")[2]: entry for entry in made if isinstance(entry, File)}


@pytest.fixture(params=ROLES, ids=[role.role for role, _ in ROLES])
def settings(request: pytest.FixtureRequest) -> LlamaServer:
    role, model = request.param
    return made(role, model)


@pytest.fixture
def definition(settings: LlamaServer) -> Any:
    model = MODELS.named(settings.model)
    return yaml.safe_load(files(settings, model)["compose.yaml"].content)


def test_the_key_is_a_file_for_the_container_alone(settings: LlamaServer) -> None:
    made = files(settings, CHAT)
    key = made["api-key"]
    assert (key.content, key.mode, key.secret) == (b"secret-key\n", "0400", True)
    assert key.owner == key.group == "65532"
    assert b"secret-key" not in made["compose.yaml"].content


def test_the_project_is_the_role(definition: Any, settings: LlamaServer) -> None:
    assert definition["name"] == settings.role
    assert list(definition["services"]) == ["server"]


def test_the_container_is_hardened(definition: Any, settings: LlamaServer) -> None:
    server = definition["services"]["server"]
    assert server["ports"] == [f"192.0.2.1:{settings.port}:8080"]
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert server["read_only"]
    assert server["user"] == "65532:65532"
    assert server["mem_limit"] == server["memswap_limit"] == f"{settings.memory_limit_mib}m"


def test_the_model_is_mounted_read_only(definition: Any) -> None:
    (mount,) = definition["services"]["server"]["volumes"]
    assert (mount["source"], mount["read_only"]) == ("/srv/models/small", True)


def test_another_model_of_the_same_name_is_another_definition(
    definition: Any, settings: LlamaServer
) -> None:
    label = definition["services"]["server"]["labels"]["ai-idp.model"]
    assert label == MODELS.named(settings.model).fingerprint


def test_the_model_has_time_to_load_before_it_counts_as_unhealthy(definition: Any) -> None:
    assert definition["services"]["server"]["healthcheck"]["start_period"] == "120s"


def test_a_dollar_in_an_argument_reaches_the_server_as_it_is() -> None:
    settings = LlamaCpp(image=IMAGE, model="chat", extra_arguments=("--grammar", "root ::= [$]"))
    server = yaml.safe_load(files(settings, CHAT)["compose.yaml"].content)["services"]["server"]
    # Compose makes one of two.
    assert server["command"][-1] == "root ::= [$$]"
