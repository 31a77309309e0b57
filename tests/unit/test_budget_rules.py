"""The budget's rules, each on hosts that keep it and on hosts that break it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import Field

from budget import disk, gpu, host_memory
from budget.architecture import Architecture, FullAttention
from budget.gpu import Share
from deploys.declarations import DiskClaim, GpuClaim, MemoryClaim
from deploys.hardware import Gpu, Hardware
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from preflight import budget
from preflight.problems import Problem

Rule = Callable[[Topology], list[Problem]]
MIB, GIB = 1024**2, 1024**3

CARD = Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303)
SMALL_CARD = Gpu(name="12 GB", memory_mib=12 * 1024)
SECOND_CARD = Gpu(name="RTX 6000", memory_mib=24 * 1024)
DESKTOP = Hardware(physical_cores=12, memory_gib=128, disk_gib=900, gpus=(CARD,))
LLAMA_8B = Architecture(
    context_tokens=131072,
    vocabulary=128256,
    caches=(FullAttention(layers=32, kv_heads=8, head_dimension=128),),
)
LLAMA_70B = Architecture(
    context_tokens=131072,
    vocabulary=128256,
    caches=(FullAttention(layers=80, kv_heads=8, head_dimension=128),),
)


class Server(Settings):
    """Stands for a server of a model on cards of its host."""

    role = "server"
    claims: tuple[GpuClaim, ...] = Field(default=(), description="Of cards")
    memory_limit_mib: int = Field(default=0, description="Of the container")

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        return self.claims

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(self.memory_limit_mib),) if self.memory_limit_mib else ()


class Other(Server):
    role = "other"


class Store(Settings):
    """Stands for a role that keeps files."""

    role = "store"
    gib: int = Field(default=20, description="Size of the files")
    path: str = Field(default="/srv/models", description="Where they lie")

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        return (DiskClaim(self.path, self.gib * GIB, 10 * GIB),)


class SecondStore(Store):
    role = "second_store"


def machine(*settings: Settings, hardware: Hardware | None = DESKTOP, name: str = "one") -> Machine:
    by_role = {held.role: held for held in settings}
    return Machine(name, "192.0.2.1", tuple(by_role), by_role, {"hardware": hardware})


def on(*settings: Settings, hardware: Hardware | None = DESKTOP) -> Topology:
    return Topology((machine(*settings, hardware=hardware),), ())


def claim(
    share_mib: int = 12682,
    weights_mib: int = 8660,
    card: int = 0,
    sequence_bytes: int = GIB,
    sequence_tokens: int = 16384,
    free_at_start: bool = False,
) -> GpuClaim:
    """An 8B model in FP8 with a sequence of 16384 tokens in FP8, on four fifths of the card."""
    return GpuClaim(
        card=card,
        share_mib=share_mib,
        weights_mib=weights_mib,
        workspace_mib=1024,
        context_mib=400,
        sequence_tokens=sequence_tokens if sequence_bytes else 0,
        sequence_bytes=sequence_bytes,
        parallel_sequences=32,
        free_at_start=free_at_start,
    )


def hardware(*gpus: Gpu, memory_gib: int = 128, disk_gib: int = 900) -> Hardware:
    return Hardware(physical_cores=12, memory_gib=memory_gib, disk_gib=disk_gib, gpus=gpus)


EIGHT_B = Server(claims=(claim(),))

# 000:206-245: 42.5 GB of Q4_K_M on 16 GB at 0.80, and with 24 GB more.
SEVENTY_B_MIB = -(-42_500_000_000 // MIB)
SEVENTY_B = Server(
    claims=(claim(weights_mib=SEVENTY_B_MIB, sequence_bytes=LLAMA_70B.cache_bytes(16384)),)
)
TWO_CARDS = hardware(CARD, SECOND_CARD)
# The 80 layers, each with its cache, in the proportion of the cards' memory: 31 and 49.
SPLIT_70B = Server(
    claims=tuple(
        claim(
            card=card,
            share_mib=machine(hardware=TWO_CARDS).share_mib(card, 1.0),
            weights_mib=SEVENTY_B_MIB * layers // 80,
            sequence_bytes=LLAMA_70B.cache_bytes(16384) * layers // 80,
        )
        for card, layers in ((0, 31), (1, 49))
    )
)


def nemotron(card: Gpu) -> Topology:
    """003:16-29: OpenMath-Nemotron-7B in BF16, 15.2 GB, at 0.85 with 4096 tokens."""
    wanted = GpuClaim(
        card=0,
        share_mib=int(0.85 * card.visible_mib),
        weights_mib=-(-15_231_271_904 // MIB),
        workspace_mib=1024,
        context_mib=400,
        sequence_tokens=4096,
        sequence_bytes=4096 * 56 * 1024,
    )
    return on(Server(claims=(wanted,)), hardware=hardware(card))


KEPT: dict[str, tuple[Rule, Topology]] = {
    "claims on a host that says what it has": (budget.without_hardware, on(EIGHT_B)),
    "no claims on a host that does not": (budget.without_hardware, on(Server(), hardware=None)),
    "a card that is there": (budget.on_missing_card, on(EIGHT_B)),
    "the second of two cards": (
        budget.on_missing_card,
        on(Server(claims=(claim(card=1),)), hardware=TWO_CARDS),
    ),
    "8B in FP8 on four fifths": (budget.without_room_for_a_sequence, on(EIGHT_B)),
    "a share that just holds one sequence": (
        budget.without_room_for_a_sequence,
        on(Server(claims=(claim(share_mib=8660 + 1024 + 400 + 1024),))),
    ),
    "a model without a cache that just fits": (
        budget.without_room_for_a_sequence,
        on(Server(claims=(claim(share_mib=8660 + 1024 + 400, sequence_bytes=0),))),
    ),
    "two shares that just fill the card": (
        budget.overfull_cards,
        on(EIGHT_B, Other(claims=(claim(share_mib=15853 - 12682, weights_mib=100),))),
    ),
    "two full cards": (
        budget.overfull_cards,
        on(
            Server(claims=(claim(15853),)),
            Other(claims=(claim(24126, card=1),)),
            hardware=TWO_CARDS,
        ),
    ),
    "a share that is free beside its own context": (
        budget.not_free_at_start,
        on(Server(claims=(claim(15853 - 400, free_at_start=True),))),
    ),
    "a share that need not be free at once": (
        budget.not_free_at_start,
        on(Server(claims=(claim(15853),))),
    ),
    "limits that just fill the memory": (
        budget.overfull_memory,
        on(Server(memory_limit_mib=(128 - 6) * 1024)),
    ),
    "files that just fill the disk": (budget.overfull_disk, on(Store(gib=890))),
    "space to stay free, counted once": (
        budget.overfull_disk,
        on(Store(gib=445), SecondStore(gib=445)),
    ),
}

TITLE = "one card 0 (NVIDIA GeForce RTX 5070 Ti, 15853 MiB usable)"
SMALLER = "take a smaller model, a shorter context or a larger share in group_data/server.py"

BROKEN: dict[str, tuple[Rule, Topology, list[str]]] = {
    "claims on a host that does not say what it has": (
        budget.without_hardware,
        on(EIGHT_B, Store(), hardware=None),
        [
            "one: server and store claim memory, cards or disk of it, but the inventory does not "
            "say what it has; give it `hardware` there: "
            "Hardware(physical_cores=..., memory_gib=..., disk_gib=...)"
        ],
    ),
    "a card that is not there": (
        budget.on_missing_card,
        on(Server(claims=(claim(card=1),))),
        [
            "one: server claims card 1, but `hardware` has card 0 (NVIDIA GeForce RTX 5070 Ti); "
            "set another card in group_data/server.py, or add that one in the inventory"
        ],
    ),
    "a card on a host without any": (
        budget.on_missing_card,
        on(EIGHT_B, hardware=hardware()),
        [
            "one: server claims card 0, but `hardware` has no card; "
            "set another card in group_data/server.py, or add that one in the inventory"
        ],
    ),
    "a share one MiB short of a sequence": (
        budget.without_room_for_a_sequence,
        on(Server(claims=(claim(share_mib=11107),))),
        [
            f"{TITLE}: server needs weights 8660 + workspace 1024 + context 400 + "
            "cache of one sequence of 16384 tokens 1024 = 11108 MiB, "
            f"but its share is 11107 MiB, 1 MiB too little; {SMALLER}"
        ],
    ),
    "an encoder that does not fit": (
        budget.without_room_for_a_sequence,
        on(Server(claims=(claim(share_mib=1000, weights_mib=140, sequence_bytes=0),))),
        [
            f"{TITLE}: server needs weights 140 + workspace 1024 + context 400 = 1564 MiB, "
            f"but its share is 1000 MiB, 564 MiB too little; {SMALLER}"
        ],
    ),
    "000:206: 70B in Q4 on 16 GB": (
        budget.without_room_for_a_sequence,
        on(SEVENTY_B),
        [
            f"{TITLE}: server needs weights 40532 + workspace 1024 + context 400 + "
            "cache of one sequence of 16384 tokens 5120 = 47076 MiB, "
            f"but its share is 12682 MiB, 34394 MiB too little; {SMALLER}"
        ],
    ),
    "000:245: 70B in Q4 on 16 GB and 24 GB": (
        budget.without_room_for_a_sequence,
        on(SPLIT_70B, hardware=TWO_CARDS),
        [
            f"{TITLE}: server needs weights 15706 + workspace 1024 + context 400 + "
            "cache of one sequence of 16384 tokens 1984 = 19114 MiB, "
            f"but its share is 15853 MiB, 3261 MiB too little; {SMALLER}",
            "one card 1 (RTX 6000, 24126 MiB usable): server needs weights 24825 + "
            "workspace 1024 + context 400 + cache of one sequence of 16384 tokens 3136 = "
            f"29385 MiB, but its share is 24126 MiB, 5259 MiB too little; {SMALLER}",
        ],
    ),
    "003:16: OpenMath-Nemotron-7B in BF16 on 12 GB": (
        budget.without_room_for_a_sequence,
        nemotron(SMALL_CARD),
        [
            "one card 0 (12 GB, 11838 MiB usable): server needs weights 14526 + "
            "workspace 1024 + context 400 + cache of one sequence of 4096 tokens 224 = 16174 MiB, "
            f"but its share is 10062 MiB, 6112 MiB too little; {SMALLER}"
        ],
    ),
    "003:16: OpenMath-Nemotron-7B in BF16 on 16 GB": (
        budget.without_room_for_a_sequence,
        nemotron(CARD),
        [
            f"{TITLE}: server needs weights 14526 + workspace 1024 + context 400 + "
            "cache of one sequence of 4096 tokens 224 = 16174 MiB, "
            f"but its share is 13475 MiB, 2699 MiB too little; {SMALLER}"
        ],
    ),
    "000:15: room for 32 sequences of 32k at once": (
        budget.without_room_for_a_sequence,
        on(
            Server(
                claims=(
                    claim(
                        sequence_tokens=32 * 32768,
                        sequence_bytes=LLAMA_8B.cache_bytes(32 * 32768, 1),
                    ),
                )
            )
        ),
        [
            f"{TITLE}: server needs weights 8660 + workspace 1024 + context 400 + "
            "cache of one sequence of 1048576 tokens 65536 = 75620 MiB, "
            f"but its share is 12682 MiB, 62938 MiB too little; {SMALLER}"
        ],
    ),
    "004:353: two servers on one card": (
        budget.overfull_cards,
        on(EIGHT_B, Other(claims=(claim(share_mib=4618, weights_mib=2000),))),
        [
            f"{TITLE}: server 12682 (weights 8660 + workspace 1024 + context 400 + cache 2598) + "
            "other 4618 (weights 2000 + workspace 1024 + context 400 + cache 1194) = 17300 MiB, "
            "1447 MiB too much; lower a share in group_data/server.py or group_data/other.py"
        ],
    ),
    "a desktop on the same card": (
        budget.overfull_cards,
        on(
            Server(claims=(claim(share_mib=14000, sequence_bytes=0),)),
            hardware=hardware(CARD.model_copy(update={"display_mib": 2000})),
        ),
        [
            "one card 0 (NVIDIA GeForce RTX 5070 Ti, 13853 MiB usable): server 14000 (weights 8660 "
            "+ workspace 1024 + context 400 + unused 3916) = 14000 MiB, 147 MiB too much; "
            "lower a share in group_data/server.py"
        ],
    ),
    "a share that its own context keeps from being free": (
        budget.not_free_at_start,
        on(Server(claims=(claim(15853, free_at_start=True),))),
        [
            f"{TITLE}: server starts only with its share of 15853 MiB free, but of 15853 MiB "
            "its own context 400 leave 15453 MiB; lower a share in group_data/server.py"
        ],
    ),
    "a share that another keeps from being free": (
        budget.not_free_at_start,
        on(
            Server(claims=(claim(12682, free_at_start=True),)),
            Other(claims=(claim(3000, weights_mib=100, sequence_bytes=0),)),
        ),
        [
            f"{TITLE}: server starts only with its share of 12682 MiB free, but of 15853 MiB "
            "its own context 400 + other 3000 leave 12453 MiB; "
            "lower a share in group_data/server.py or group_data/other.py"
        ],
    ),
    "limits beyond the memory": (
        budget.overfull_memory,
        on(
            Server(memory_limit_mib=8192),
            Other(memory_limit_mib=4096),
            hardware=hardware(memory_gib=16),
        ),
        [
            "one memory (16384 MiB): system 6144 + server 8192 + other 4096 = 18432 MiB, "
            "2048 MiB too much; lower a memory limit in group_data/server.py or "
            "group_data/other.py, or correct its `hardware` in the inventory"
        ],
    ),
    "files beyond the disk": (
        budget.overfull_disk,
        on(Store(gib=20), SecondStore(gib=5, path="/srv/more"), hardware=hardware(disk_gib=32)),
        [
            "one disk (32768 MiB): store 20480 + second_store 5120 + to stay free 10240 = "
            "35840 MiB, 3072 MiB too much; ask for less in group_data/store.py or "
            "group_data/second_store.py, or correct its `hardware` in the inventory"
        ],
    ),
}


@pytest.mark.parametrize(("rule", "given"), KEPT.values(), ids=KEPT)
def test_passes(rule: Rule, given: Topology) -> None:
    assert rule(given) == []


@pytest.mark.parametrize(("rule", "given", "messages"), BROKEN.values(), ids=BROKEN)
def test_is_refused(rule: Rule, given: Topology, messages: list[str]) -> None:
    assert [str(problem) for problem in rule(given)] == messages


def test_a_share_says_how_many_full_length_sequences_fit() -> None:
    (card,) = gpu.cards(machine(EIGHT_B))
    (share,) = card.shares
    assert (share.claim.cache_mib, share.cache_tokens) == (2598, 41568)
    assert f"{share.sequences:.2f}" == "2.54"


def test_vllm_prints_the_same_concurrency() -> None:
    """Qwen2.5-7B-Instruct-AWQ, vLLM 0.22.1: 14.43 GiB, 270,144 tokens, 65.95x for 4,096 tokens."""
    wanted = GpuClaim(0, 14774, 0, 0, 0, sequence_tokens=4096, sequence_bytes=4096 * 57344)
    share = Share("vllm", wanted)
    assert share.cache_tokens == pytest.approx(270_144, rel=1e-4)
    assert f"{share.sequences:.1f}" == "66.0"


def test_a_share_without_a_cache_holds_no_sequence() -> None:
    share = Share("server", claim(sequence_bytes=0))
    assert (share.sequences, share.cache_tokens) == (0, 0)


def test_a_share_is_a_fraction_of_what_cuda_sees_of_the_card() -> None:
    driven = hardware(CARD.model_copy(update={"display_mib": 800}))
    assert machine(hardware=driven).share_mib(0, 0.80) == 12682


@pytest.mark.parametrize(("held", "card"), [(None, 0), (DESKTOP, 1), (DESKTOP, -1)])
def test_a_card_that_nobody_knows_has_no_share(held: Hardware | None, card: int) -> None:
    assert machine(hardware=held).share_mib(card, 0.80) == 0


def test_without_hardware_there_is_nothing_to_hold_claims_against() -> None:
    unknown = machine(EIGHT_B, Store(), hardware=None)
    assert gpu.cards(unknown) == ()
    assert (host_memory.resource(unknown), disk.resource(unknown)) == (None, None)


def test_a_server_on_the_processor_needs_weights_cache_scores_and_itself() -> None:
    """group_data/llama_cpp.py: 3B in Q4_K_M, four slots of 4096 tokens in f16."""
    needed = host_memory.needs(
        2_019_377_696, 4 * 4096 * 112 * 1024, vocabulary=128256, prompt_cache_mib=1024
    )
    assert needed == {
        "weights": 1926,
        "KV cache": 1792,
        "kept prompts": 1024,
        "scores": 251,
        "process": 256,
    }


@pytest.mark.parametrize(
    ("vocabulary", "hidden", "printed"),
    [(128256, 4096, 258.50), (128256, 3072, 256.50), (128256, 2048, 254.50), (32000, 2048, 66.50)],
    ids=["Llama 3 8B", "Llama 3.2 3B", "Llama 3.2 1B", "TinyLlama 1.1B"],
)
def test_scores_are_what_llama_cpp_prints_as_its_compute_buffer(
    vocabulary: int, hidden: int, printed: float
) -> None:
    """ "CPU compute buffer size", ubatch 512: the scores and one hidden state for each token."""
    scores = host_memory.needs(0, vocabulary=vocabulary, process_mib=0)
    assert scores["scores"] == pytest.approx(printed - 512 * hidden * 4 / MIB, abs=1)
