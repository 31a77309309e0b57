"""The lab's commands: ``python -m lab up``, ``rollout``, ``down``, ``clean`` and ``status``."""

from __future__ import annotations

import argparse
import shutil
import sys

from lab import (
    authority,
    containers,
    engine,
    guests,
    images,
    jetson,
    nas,
    network,
    npm_cache,
    outside,
    wheels,
)
from lab.checkout import CACHE, KEY_FILE, NAME, NETWORK_FILE, STATE
from lab.containers import Container
from lab.engine import LabError, docker
from lab.machines import Machine, all_machines
from lab.progress import say, step
from lab.rollout import rollout


def up() -> None:
    """Have every machine of the inventory and the outside world running, and reachable by SSH."""
    engine.ensure()
    if not NETWORK_FILE.exists() and (network.exists() or _containers()):
        down()
    authority.ensure()
    host_image, _ = images.host(), outside.image()
    wheels.ensure(host_image)
    jetson.ensure_blank()
    machines = all_machines()
    lab = network.ensure(tuple(machine.name for machine in machines))
    _ensure_key()
    world = outside.container(lab.outside_world)
    containers.ensure(world)
    containers.ensure(nas.container(host_image, lab.nas))
    anew = []
    for machine in machines:
        address = lab.hosts[machine.name]
        if machine.is_guest and guests.is_stale(machine.name, address):
            with step(f"Remove the disk of {machine.name}: its node destroyed it"):
                containers.remove(machine.name)
        image = images.desk() if machine.has_browser else host_image
        if containers.ensure(_container(machine, image, address)):
            anew.append(machine.name)
    off = {machine.name for machine in machines if machine.is_guest}
    off -= {*guests.running(off, lab.hosts)}
    on = [host for host in lab.hosts if host not in off]
    with step("Wait until every machine that is on has booted and answers"):
        containers.wait_booted([outside.HOST, nas.HOST, *on])
        containers.wait_answering([lab.outside_world], port=443)
        containers.wait_answering([lab.nas, *(lab.hosts[host] for host in on)], port=22)
    nas.prepare()
    nas.forget(anew)
    for machine in machines:
        if machine.is_jetson:
            jetson.trust_repository(machine.name, outside.NAMES)
    outside.write_lock(world)
    say(f"the lab is up in {lab.subnet}: {len(machines)} machines, a NAS and the outside world")


def down() -> None:
    """Remove the containers, volumes, network and ``.lab`` of this checkout."""
    if engine.answers():
        hosts = [name.removeprefix(f"{NAME}-") for name in _containers()]
        for host in hosts:
            with step(f"Remove {host}"):
                containers.remove(host)
        network.remove()
        guests.remove_volume()
        nas.remove_volume()
    if STATE.exists():
        shutil.rmtree(STATE)
    say("nothing of this checkout's lab is left")


def clean() -> None:
    """Remove the lab and what the checkouts of this machine share: images and the lab's CA."""
    down()
    used = images.remove_all() if engine.answers() else []
    if used:
        say(f"kept for the labs of other checkouts: {', '.join(used)}")
        return
    if engine.answers():
        npm_cache.remove()
    if CACHE.exists():
        shutil.rmtree(CACHE)


def status() -> None:
    """Print every host of the lab with its address and state."""
    lab = network.read()
    if not engine.answers():
        raise LabError("the Docker engine does not answer: run `make lab`, which starts it")
    others = {outside.HOST: lab.outside_world, nas.HOST: lab.nas}
    for host, address in {**others, **lab.hosts}.items():
        state = containers.state_of(host) or "missing"
        if state == "running":
            state = containers.boot_state(host)
        if state == "offline":
            state = "off: its node has not started it"
        print(f"{host:<24}{address:<16}{state}")


COMMANDS = {"up": up, "rollout": rollout, "down": down, "clean": clean, "status": status}


def main() -> int:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    try:
        COMMANDS[parser.parse_args().command]()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _container(machine: Machine, image: str, address: str) -> Container:
    mounts = _mounts(machine)
    if machine.is_guest:
        environment = (("LAB_ADDRESS", address),)
        command = (guests.GUEST_INIT,)
        return Container(machine.name, image, address, environment, mounts=mounts, command=command)
    login = machine.login
    password = (("LAB_PASSWORD", login.password),) if login.password else ()
    card = (("LAB_GRAPHICS_CARD", "yes"),) if machine.has_graphics_card else ()
    board = jetson.ENVIRONMENT if machine.is_jetson else ()
    npu = (("LAB_NPU", "yes"),) if machine.has_npu else ()
    return Container(
        machine.name,
        image,
        address,
        (("LAB_LOGIN", login.user), *password, *card, *board, *npu),
        has_docker=machine.has_docker,
        mounts=mounts,
        device_rules=jetson.DEVICE_RULES if machine.is_jetson else (),
        command=_command(machine),
    )


def _command(machine: Machine) -> tuple[str, ...]:
    """What takes the place of the image's process 1 where the machine is of a special kind."""
    if machine.is_node:
        return (guests.NODE_INIT,)
    return (jetson.INIT,) if machine.is_jetson else ()


def _mounts(machine: Machine) -> tuple[str, ...]:
    """What the machine shares with others of this computer."""
    return (
        *((nas.MOUNT,) if machine.mounts_nas else ()),
        *(guests.MOUNTS if machine.is_guest or machine.is_node else ()),
        *(wheels.MOUNTS if machine.has_python_programs else ()),
        *(jetson.mounts(machine.name) if machine.is_jetson else ()),
        *npm_cache.mounts(machine.name),
    )


def _containers() -> list[str]:
    return docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^{NAME}-").split()


def _ensure_key() -> None:
    """The SSH key of the lab's operator: Proxmox guests know it, `make trust` gives it to all."""
    if not KEY_FILE.exists():
        engine.run(
            *("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"operator@{NAME}"),
            *("-f", str(KEY_FILE)),
        )


if __name__ == "__main__":
    sys.exit(main())
