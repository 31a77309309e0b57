"""Graphics cards: the shares that roles take of each, and the sequences that fit into them."""

from __future__ import annotations

from dataclasses import dataclass

from budget.amounts import MIB, Part, Resource, mib, written
from deploys.declarations import GpuClaim
from deploys.hardware import Gpu
from deploys.topology import Machine


@dataclass(frozen=True)
class Share:
    """What one role takes of a card."""

    role: str
    claim: GpuClaim

    @property
    def minimum_mib(self) -> int:
        """The smallest share that holds the model and one sequence of full length."""
        return sum(amount for _, amount in self.minimum_terms())

    def minimum_terms(self) -> tuple[tuple[str, int], ...]:
        """What `minimum_mib` is made of."""
        claim = self.claim
        sequence = f"cache of one sequence of {claim.sequence_tokens} tokens"
        one = ((sequence, mib(claim.sequence_bytes)),) if claim.sequence_bytes else ()
        return (*_fixed(claim), *one)

    def terms(self) -> tuple[tuple[str, int], ...]:
        """What the share is made of; what is left for caches comes last."""
        left = "cache" if self.claim.sequence_bytes else "unused"
        return (*_fixed(self.claim), (left, max(0, self.claim.cache_mib)))

    @property
    def cache_tokens(self) -> int:
        """Tokens that its caches hold together, when they are those of full-length sequences."""
        return int(self.sequences * self.claim.sequence_tokens)

    @property
    def sequences(self) -> float:
        """How many sequences of full length its caches hold at once; 0 without a cache."""
        if not self.claim.sequence_bytes:
            return 0
        return max(0, self.claim.cache_mib) * MIB / self.claim.sequence_bytes


@dataclass(frozen=True)
class Card:
    """One card of a host, and the shares that roles take of it."""

    index: int
    gpu: Gpu
    shares: tuple[Share, ...]

    @property
    def title(self) -> str:
        return f"card {self.index} ({self.gpu.name}, {self.gpu.usable_mib} MiB usable)"

    @property
    def taken_mib(self) -> int:
        return sum(share.claim.share_mib for share in self.shares)

    def resource(self) -> Resource:
        """The same as parts of a whole: each share by what it is made of."""
        parts = tuple(
            Part(share.role, what, amount)
            for share in self.shares
            for what, amount in share.terms()
            if amount
        )
        return Resource(f"card {self.index}", self.gpu.usable_mib, parts, self._note())

    def _note(self) -> str:
        named = (("driver", self.gpu.unusable_mib), ("display", self.gpu.display_mib))
        kept = written((name, amount) for name, amount in named if amount)
        return f"{self.gpu.memory_mib} less {kept}" if kept else ""


def cards(machine: Machine) -> tuple[Card, ...]:
    """The cards of `machine` with the shares taken of each; claims on other cards are left out."""
    gpus = machine.hardware.gpus if machine.hardware else ()
    shares = claimed(machine)
    return tuple(
        Card(index, gpu, tuple(share for share in shares if share.claim.card == index))
        for index, gpu in enumerate(gpus)
    )


def claimed(machine: Machine) -> tuple[Share, ...]:
    """What the roles of `machine` claim, on cards that there are and on others."""
    return tuple(
        Share(role, claim)
        for role, settings in machine.settings.items()
        for claim in settings.gpu_memory(machine)
    )


def _fixed(claim: GpuClaim) -> tuple[tuple[str, int], ...]:
    return (
        ("weights", claim.weights_mib),
        ("workspace", claim.workspace_mib),
        ("context", claim.context_mib),
    )


def share_written(share: Share) -> str:
    """``vllm 12682 (weights 8660 + …)``."""
    return f"{share.role} {share.claim.share_mib} ({written(share.terms())})"
