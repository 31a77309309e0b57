"""A person at the lab's xps13: an ordinary user who works in clones and pushes over SSH."""

from __future__ import annotations

import base64
import shlex
import subprocess
from dataclasses import dataclass
from uuid import uuid4

from lab import network
from lab.checkout import container_name
from lab.machines import all_machines
from lab.workstation import HOST, KEY

SERVER = "sclimers-automation"
USER = next(machine.login.user for machine in all_machines() if machine.name == HOST)
HOME = f"/home/{USER}"
SSH = f"ssh -i {HOME}/.ssh/lab -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new"

Done = subprocess.CompletedProcess[str]


def run(command: str, directory: str = HOME) -> Done:
    """What a command of the person's does, in a directory of theirs; standard error counts too."""
    environment = (f"HOME={HOME}", f"GIT_SSH_COMMAND={SSH}")
    given = [word for variable in environment for word in ("-e", variable)]
    inside = ["-u", USER, "-w", directory, *given, container_name(HOST)]
    return subprocess.run(
        ["docker", "exec", "-i", *inside, "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def does(command: str, directory: str = HOME) -> str:
    """What a command says that has to succeed."""
    done = run(command, directory)
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout.strip()


def settle_in() -> None:
    """Give the person their key and name; what is there already stays."""
    key = base64.b64encode(KEY.read_bytes()).decode()
    does(
        # A server that was made anew has another key.
        f"umask 077; mkdir -p .ssh; rm -f .ssh/known_hosts; echo {key} | base64 -d >.ssh/lab;"
        " git config --global user.name Somebody;"
        " git config --global user.email somebody@example.org;"
        " git config --global init.defaultBranch main"
    )


def ssh(command: str, *options: str) -> Done:
    """What the server says to that key, asked for a command."""
    address = network.read().hosts[SERVER]
    words = shlex.join([*shlex.split(SSH), *options, f"git@{address}", command])
    return run(f"timeout 20 {words} </dev/null")


@dataclass(frozen=True)
class Clone:
    """A clone of a repository of the server, in a folder of its own."""

    path: str

    @classmethod
    def of(cls, repository: str) -> Clone:
        path = f"{HOME}/{repository}-{uuid4().hex[:8]}"
        does(f"git clone --quiet git@{network.read().hosts[SERVER]}:{repository}.git {path}")
        return cls(path)

    def does(self, command: str) -> str:
        return does(command, self.path)

    def run(self, command: str) -> Done:
        return run(command, self.path)

    def commit(self, message: str, name: str = "work", content: str = "") -> str:
        """A commit that changes one file; its sha."""
        text = base64.b64encode(message.encode()).decode()
        self.does(
            f'mkdir -p "$(dirname {shlex.quote(name)})";'
            f" echo {shlex.quote(content or uuid4().hex)} >>{shlex.quote(name)}; git add --all;"
            f" echo {text} | base64 -d | git commit --quiet --cleanup=verbatim --file=-"
        )
        return self.does("git rev-parse HEAD")

    def push(self) -> None:
        """Push, and merge first what came meanwhile: n8n may write at any moment."""
        self.does(
            "for attempt in 1 2 3 4 5; do git push --quiet origin HEAD && exit 0;"
            " git pull --quiet --no-rebase --no-edit origin HEAD; done; exit 1"
        )

    def remove(self) -> None:
        does(f"rm -rf {self.path}")
