"""Checks of secrets: those that only the user can give are there."""

from __future__ import annotations

from collections.abc import Sequence

import secret_store
from deploys.topology import Machine
from preflight.problems import Problem


def not_given(machines: Sequence[Machine]) -> list[Problem]:
    """What the hub of the models, say, hands out cannot be generated."""
    return [
        Problem(machine.name, f"{role}: {secret.what}", secret.remedy)
        for machine in machines
        for role, settings in machine.settings.items()
        for secret in settings.given_secrets()
        if secret.name not in secret_store.for_data(machine.data).names()
    ]
