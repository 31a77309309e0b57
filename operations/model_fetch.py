"""Fetch: a command that brings models from the hub, and locks what they turned out to be."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import SecretStr
from pyinfra.api.arguments import ConnectorArguments
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput
from typing_extensions import override

from operations import model_lock
from operations.model_lock import Found, Locked
from operations.model_shelf import Download, Shelf

_FOUND = re.compile(r"found (\S+) (\S+) (\d+) ([0-9a-f]{64})")


class Fetch(StringCommand):
    """Runs the download and shows its lines as they come, then locks what it found.

    The models and the token travel over standard input: they are in no argument and no log.
    """

    def __init__(self, models: Sequence[Download], shelf: Shelf, token: SecretStr | None) -> None:
        given = {
            "root": shelf.root,
            "reserve_bytes": shelf.reserve_bytes,
            "token": token.get_secret_value() if token else None,
            "models": [asdict(model) for model in models],
        }
        exported = [f"{name}={shlex.quote(text)}" for name, text in shelf.environment.items()]
        super().__init__("env", *exported, shelf.fetch, _stdin=json.dumps(given))
        self.models, self.lock = {model.name: model for model in models}, shelf.lock

    @override
    def execute(
        self, state: State, host: Host, connector_arguments: ConnectorArguments
    ) -> tuple[bool, CommandOutput]:
        connector_arguments.update(self.connector_arguments)
        succeeded, output = host.run_shell_command(
            self, print_output=True, print_input=state.print_input, **connector_arguments
        )
        contradictions = model_lock.record(self.lock, self._found(output.stdout_lines))
        for text in contradictions:
            host.log_styled(text, fg="red")
        # Every line was shown when it came: pyinfra would show those of a failure again.
        return succeeded and not contradictions, CommandOutput([])

    def _found(self, lines: Sequence[str]) -> Locked:
        found: Locked = {}
        for line in lines:
            if match := _FOUND.fullmatch(line):
                name, path, size, sha256 = match.groups()
                source = found.setdefault(self.models[name].source, {})
                source[path] = Found(int(size), sha256)
        return found
