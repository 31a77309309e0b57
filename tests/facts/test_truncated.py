"""Facts whose output ended in the middle: an error, never a host that lacks something."""

from __future__ import annotations

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.host_kind import HostKind, HostKindState
from facts.rollout import Rollout, RolloutState


@pytest.mark.parametrize("output", [[], ["container lxc"]])
def test_the_kind_of_a_host_is_not_guessed(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="could not be told"):
        HostKindState().process(output)


def test_the_kind_of_a_host_is_read_to_its_end() -> None:
    kind = HostKindState().process(["container lxc", "daemon chrony", "end"])
    assert kind == HostKind(container="lxc", time_daemon="chrony")


@pytest.mark.parametrize("output", [[], ["marked"], ["marked", "role\tbase"]])
def test_the_roles_of_a_host_are_not_guessed(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        RolloutState().process(output)


def test_the_roles_of_a_host_are_read_to_their_end() -> None:
    rollout = RolloutState().process(["marked", "role\tbase", "role\tnginx", "end"])
    assert rollout == Rollout(marked=True, roles=("base", "nginx"))
