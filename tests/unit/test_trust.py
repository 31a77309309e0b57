"""First contact, against a real sshd on loopback: what is pinned, what is refused, who gets in."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import pytest

from inventory_json import ROOT, InventoryHost
from trust import TrustError, account, host_keys, login, operator_key, transports
from trust import target as targets
from trust.login import LoginRefusedError
from trust.target import Target

SEARCHED = f"{os.environ['PATH']}:/usr/sbin"


class Sshd:
    """An sshd of this user, with host keys and tools (first in its PATH) of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tools = directory / "tools"
        self.tools.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *kinds: str) -> None:
        """Serve with the host keys of `kinds`, which are made where they are missing."""
        self.stop()
        options = [f"HostKey={self._host_key(kind)}" for kind in kinds]
        command = [_sshd(), "-D", "-e", "-f", "/dev/null", "-p", str(self.port)]
        for option in options + self._options():
            command += ["-o", option]
        with (self.directory / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log)
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget_keys(self) -> None:
        for path in self.directory.glob("host_*"):
            path.unlink()

    def fingerprint(self, kind: str) -> str:
        listed = ["ssh-keygen", "-l", "-f", str(self._host_key(kind))]
        return subprocess.check_output(listed, text=True).split()[1]

    def add_tool(self, name: str, script: str) -> None:
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def _host_key(self, kind: str) -> Path:
        path = self.directory / f"host_{kind}"
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
        return path

    def _options(self) -> list[str]:
        options = [
            "ListenAddress=127.0.0.1",
            f"AuthorizedKeysFile={self.directory}/authorized_keys",
            f"SetEnv=PATH={self.tools}:{os.environ['PATH']}",
            "PermitRootLogin=prohibit-password",
            "KbdInteractiveAuthentication=no",
            "StrictModes=no",
            "UsePAM=no",
            "PidFile=none",
        ]
        # Older ones than OpenSSH 9.8 have no penalties, and do not know the option.
        penalties = ["PerSourcePenalties=no"]
        known = subprocess.run(
            [_sshd(), "-G", "-f", "/dev/null", "-o", *penalties], capture_output=True
        )
        return options + (penalties if known.returncode == 0 else [])

    def _wait(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                log = (self.directory / "sshd.log").read_text()
                assert time.monotonic() < end, f"sshd does not answer:\n{log}"
                time.sleep(0.05)


def _sshd() -> str:
    path = shutil.which("sshd", path=SEARCHED)
    assert path, "these tests need an SSH server: install the package openssh-server"
    return path


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if os.geteuid() == 0:
        # Where sshd locks itself in while nobody is logged in; packages make it at start only.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    directory = tmp_path / "sshd"
    directory.mkdir()
    server = Sshd(directory)
    try:
        server.start("ed25519")
        yield server
    finally:
        server.stop()


@pytest.fixture
def target(sshd: Sshd, tmp_path: Path) -> Target:
    return Target(
        name="box",
        address="127.0.0.1",
        port=sshd.port,
        account=getpass.getuser(),
        key_path=tmp_path / "home" / "id_ed25519",
        known_hosts=tmp_path / "state" / "known_hosts",
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "PENALTY_SECONDS", 0)


def _answer(answer: bool, questions: list[str] | None = None) -> Callable[[str], bool]:
    def confirm(question: str) -> bool:
        if questions is not None:
            questions.append(question)
        return answer

    return confirm


def _never(question: str) -> bool:
    raise AssertionError(f"nothing was to be asked: {question}")


def _pin(target: Target) -> None:
    host_keys.verified(target, None, _answer(True), replace=False)


def test_the_question_shows_what_ssh_keygen_shows(sshd: Sshd, target: Target) -> None:
    questions: list[str] = []
    host_keys.verified(target, None, _answer(True, questions), replace=False)
    assert f"ssh-ed25519 {sshd.fingerprint('ed25519')}" in questions[0]
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in questions[0]


@pytest.mark.parametrize(
    ("kind", "file"),
    [("ecdsa", "ssh_host_ecdsa_key.pub"), ("rsa", "ssh_host_rsa_key.pub")],
)
def test_the_console_command_names_the_file_of_the_key(
    sshd: Sshd, target: Target, kind: str, file: str
) -> None:
    sshd.start(kind)
    key = host_keys.verified(target, sshd.fingerprint(kind), _never, replace=False)
    assert host_keys.console_command(key) == f"ssh-keygen -lf /etc/ssh/{file}"


def test_a_confirmed_key_is_pinned_beside_the_others(target: Target) -> None:
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    before = f"# the lab\n192.168.1.9 ssh-ed25519 {other}\n"
    target.known_hosts.parent.mkdir()
    target.known_hosts.write_text(before)
    key = host_keys.verified(target, None, _answer(True), replace=False)
    line = f"[127.0.0.1]:{target.port} ssh-ed25519 {key.get_base64()}\n"
    assert target.known_hosts.read_text() == before + line


def test_a_key_that_nobody_confirms_is_not_pinned(target: Target) -> None:
    with pytest.raises(TrustError, match="was not confirmed; nothing was pinned"):
        host_keys.verified(target, None, _answer(False), replace=False)
    assert not target.known_hosts.exists()


def test_a_fingerprint_decides_without_a_question(sshd: Sshd, target: Target) -> None:
    host_keys.verified(target, sshd.fingerprint("ed25519"), _never, replace=False)
    assert target.known_hosts.exists()


def test_another_fingerprint_is_refused(target: Target) -> None:
    with pytest.raises(TrustError, match="not SHA256:abc: this is another machine"):
        host_keys.verified(target, "SHA256:abc", _never, replace=True)
    assert not target.known_hosts.exists()


def test_a_pinned_host_is_not_asked_about_again(target: Target) -> None:
    _pin(target)
    before = target.known_hosts.stat()
    host_keys.verified(target, None, _never, replace=False)
    after = target.known_hosts.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_host_with_another_key_is_refused_until_told_to_replace_it(
    sshd: Sshd, target: Target
) -> None:
    _pin(target)
    before, old = target.known_hosts.read_text(), sshd.fingerprint("ed25519")
    sshd.forget_keys()
    sshd.start("ed25519")
    with pytest.raises(TrustError, match="so does another machine in its place") as refusal:
        host_keys.verified(target, None, _answer(True), replace=False)
    assert {old, sshd.fingerprint("ed25519")} <= set(str(refusal.value).replace(",", "").split())
    assert target.known_hosts.read_text() == before

    with pytest.raises(TrustError, match="was not confirmed"):
        host_keys.verified(target, None, _answer(False), replace=True)
    assert target.known_hosts.read_text() == before

    key = host_keys.verified(target, None, _answer(True), replace=True)
    assert target.known_hosts.read_text() == (
        f"[127.0.0.1]:{target.port} ssh-ed25519 {key.get_base64()}\n"
    )


def test_a_host_that_got_one_more_kind_of_key_is_the_same_host(sshd: Sshd, target: Target) -> None:
    sshd.start("rsa")
    _pin(target)
    sshd.start("ed25519", "rsa")
    key = host_keys.verified(target, None, _never, replace=False)
    assert key.fingerprint == sshd.fingerprint("rsa")


def test_a_host_that_only_has_another_kind_of_key_is_refused(sshd: Sshd, target: Target) -> None:
    _pin(target)
    sshd.start("rsa")
    with pytest.raises(TrustError, match="repeat with --replace"):
        host_keys.verified(target, None, _answer(True), replace=False)


def test_a_broken_known_hosts_line_is_named(target: Target) -> None:
    target.known_hosts.parent.mkdir()
    target.known_hosts.write_text("192.168.1.9 ssh-ed25519 not-base64!\n")
    with pytest.raises(TrustError, match="has a broken line, correct it: 192"):
        _pin(target)


def test_an_unreachable_host_is_named_with_its_address(sshd: Sshd, target: Target) -> None:
    sshd.stop()
    with pytest.raises(TrustError, match=r"box \(127\.0\.0\.1 port \d+\) cannot be reached"):
        _pin(target)


def test_something_else_than_an_ssh_server_is_named(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hang_up = Thread(target=_hang_up, args=(listening, 2))
        hang_up.start()
        port: int = listening.getsockname()[1]
        with pytest.raises(TrustError, match="does not answer as an SSH server"):
            _pin(replace(target, port=port))
        hang_up.join(timeout=30)
    assert "trying again in" in capsys.readouterr().err


def _hang_up(listening: socket.socket, times: int) -> None:
    for _ in range(times):
        listening.accept()[0].close()


def _inventory(target: Target, path: Path) -> Path:
    data = {
        "ssh_hostname": target.address,
        "ssh_port": target.port,
        "ssh_user": target.account,
        "ssh_key": str(target.key_path),
        "ssh_known_hosts_file": str(target.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "_sudo": False,
    }
    path.write_text(f"everyone = [('box', {data!r}), ('crate', {data!r})]\n")
    return path


def _admit(sshd: Sshd, target: Target) -> None:
    key, _ = operator_key.load_or_make(target.key_path)
    (sshd.directory / "authorized_keys").write_text(operator_key.authorized_line(key) + "\n")


def _pyinfra(inventory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyinfra", str(inventory), "--limit", "box", "-y"]
    return subprocess.run(
        [*command, "exec", "--", "true"], cwd=inventory.parent, capture_output=True, text=True
    )


def test_pyinfra_finds_the_pinned_key_and_refuses_a_swapped_host(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    _admit(sshd, target)
    inventory = _inventory(target, tmp_path / "inventory.py")
    target.known_hosts.parent.mkdir()
    target.known_hosts.touch()
    unknown = _pyinfra(inventory)
    assert unknown.returncode == 1, unknown.stderr
    assert "No host key" in unknown.stderr
    _pin(target)
    known = _pyinfra(inventory)
    assert known.returncode == 0, known.stderr
    sshd.forget_keys()
    sshd.start("ed25519")
    swapped = _pyinfra(inventory)
    assert swapped.returncode == 1
    assert "does not match" in swapped.stderr


def test_a_missing_operator_key_is_made_once_and_privately(target: Target) -> None:
    made, was_made = operator_key.load_or_make(target.key_path)
    again, was_made_again = operator_key.load_or_make(target.key_path)
    assert (was_made, was_made_again) == (True, False)
    assert made == again
    assert target.key_path.stat().st_mode & 0o777 == 0o600
    assert target.key_path.parent.stat().st_mode & 0o777 == 0o700
    derived = subprocess.check_output(["ssh-keygen", "-y", "-f", str(target.key_path)], text=True)
    assert derived.split()[:2] == operator_key.authorized_line(made).split()
    public = target.key_path.with_name("id_ed25519.pub").read_text()
    assert public.split()[:2] == derived.split()[:2]


def _public_line(path: Path) -> str:
    return operator_key.authorized_line(operator_key.load_or_make(path)[0])


def test_many_processes_at_once_make_one_operator_key(target: Target) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        lines = set(pool.map(_public_line, [target.key_path] * 8))
    public = target.key_path.with_name("id_ed25519.pub").read_text()
    assert lines == {" ".join(public.split()[:2])}


def test_a_public_key_without_its_private_one_is_not_overwritten(target: Target) -> None:
    target.key_path.parent.mkdir()
    target.key_path.with_name("id_ed25519.pub").write_text("ssh-ed25519 AAAA me\n")
    with pytest.raises(TrustError, match="exists but not its private key"):
        operator_key.load_or_make(target.key_path)


def test_a_file_that_is_no_key_is_named(target: Target) -> None:
    target.key_path.parent.mkdir()
    target.key_path.write_text("nonsense")
    with pytest.raises(TrustError, match="id_ed25519 cannot be read"):
        operator_key.load_or_make(target.key_path)


@pytest.mark.parametrize(("sudo", "ready"), [("exit 0", True), ("exit 1", False)])
def test_a_host_is_ready_when_the_key_opens_it_and_sudo_asks_nothing(
    sshd: Sshd, target: Target, sudo: str, ready: bool
) -> None:
    _admit(sshd, target)
    sshd.add_tool("sudo", sudo)
    host_key = host_keys.verified(target, None, _answer(True), replace=False)
    key, _ = operator_key.load_or_make(target.key_path)
    assert account.is_ready(target, host_key, key) is ready


def test_a_host_that_refuses_the_key_is_not_ready(target: Target) -> None:
    host_key = host_keys.verified(target, None, _answer(True), replace=False)
    key, _ = operator_key.load_or_make(target.key_path)
    assert not account.is_ready(target, host_key, key)


def test_a_login_goes_only_to_the_machine_that_was_verified(sshd: Sshd, target: Target) -> None:
    _admit(sshd, target)
    host_key = host_keys.verified(target, None, _answer(True), replace=False)
    key, _ = operator_key.load_or_make(target.key_path)
    sshd.forget_keys()
    sshd.start("ed25519")

    def password() -> str:
        raise AssertionError("a password was about to go to another machine")

    with pytest.raises(TrustError, match="shows another host key"):
        login.by_any_means(target, host_key, target.account, [], password)
    with pytest.raises(TrustError, match="shows another host key"):
        login.by_key(target, host_key, target.account, key)


def test_a_refused_password_is_named_without_being_shown(target: Target) -> None:
    host_key = host_keys.verified(target, None, _answer(True), replace=False)
    with pytest.raises(LoginRefusedError, match="refuses the password of") as refusal:
        login.by_any_means(target, host_key, target.account, [], lambda: "hunter2")
    assert "hunter2" not in str(refusal.value)


SUDO = """
echo "$*" >>{log}
case " $* " in *" -n "*) echo 'a password is required' >&2; exit 1 ;; esac
IFS= read -r given
[ "$given" = "hunter2" ] || {{ echo 'incorrect password attempt' >&2; exit 1; }}
while [ "$1" != -- ] && [ "$1" != true ]; do shift; done
[ "$1" != -- ] || shift
exec "$@"
"""


def _prompted(sshd: Sshd, target: Target, password: str) -> login.Login:
    """A login by key of somebody who is not root and whose sudo wants a password."""
    _admit(sshd, target)
    sshd.add_tool("id", "echo 1000")
    sshd.add_tool("sudo", SUDO.format(log=sshd.directory / "sudo.log"))
    host_key = host_keys.verified(target, None, _answer(True), replace=False)
    key, _ = operator_key.load_or_make(target.key_path)
    return login.by_any_means(target, host_key, target.account, [key], lambda: password)


def test_sudo_gets_the_password_on_standard_input_and_never_as_an_argument(
    sshd: Sshd, target: Target
) -> None:
    with _prompted(sshd, target, "hunter2") as session:
        answer = session.run_as_root('printf "%s|" "$@"; cat', "it's", "a key")
        assert "hunter2" not in repr(session)
    assert (answer.status, answer.text) == (0, "it's|a key|")
    log = (sshd.directory / "sudo.log").read_text()
    assert "it's" in log
    assert "hunter2" not in log


def test_a_refusal_of_sudo_is_told_from_a_failing_script(sshd: Sshd, target: Target) -> None:
    with _prompted(sshd, target, "wrong") as session:
        with pytest.raises(TrustError, match=r"sudo refuses .*: incorrect password attempt"):
            session.run_as_root("true")
        session.password = "hunter2"
        answer = session.run_as_root("echo broken >&2; exit 3")
    assert (answer.status, answer.text) == (3, "broken")


def _command(inventory: Path, *arguments: str) -> tuple[int, str]:
    answer = subprocess.run(
        [sys.executable, "-m", "trust", "--inventory", str(inventory), *arguments],
        cwd=inventory.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_the_command_ends_early_on_a_host_that_is_ready(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    _admit(sshd, target)
    sshd.add_tool("sudo", "exit 0")
    inventory = _inventory(target, tmp_path / "inventory.py")
    status, said = _command(inventory, "box", "--fingerprint", sshd.fingerprint("ed25519"))
    assert status == 0, said
    assert "may use sudo already" in said
    status, said = _command(inventory, "everyone")
    assert (status, said.count("may use sudo already")) == (0, 2), said


def test_the_command_never_confirms_by_itself(target: Target, tmp_path: Path) -> None:
    inventory = _inventory(target, tmp_path / "inventory.py")
    status, said = _command(inventory, "box")
    assert status == 1
    assert "nobody is there to ask; answer beforehand with --fingerprint" in said
    assert not target.known_hosts.exists()


def test_the_command_answers_a_wrong_name_with_the_close_ones(
    target: Target, tmp_path: Path
) -> None:
    status, said = _command(_inventory(target, tmp_path / "inventory.py"), "boxx")
    assert (status, "did you mean box?" in said) == (1, True), said


def test_one_fingerprint_is_not_taken_for_several_hosts(target: Target, tmp_path: Path) -> None:
    inventory = _inventory(target, tmp_path / "inventory.py")
    status, said = _command(inventory, "everyone", "--fingerprint", "SHA256:abc")
    assert (status, "speaks of one host" in said) == (1, True), said


DATA = {
    "ssh_hostname": "192.168.1.20",
    "ssh_user": "ai-idp",
    "ssh_key": "~/.ssh/id_ed25519",
    "ssh_known_hosts_file": "known_hosts",
}


def test_a_target_is_what_the_data_of_pyinfra_say() -> None:
    target = targets.of(InventoryHost("jetson", ("all",), DATA))
    assert target.pinned_name == "192.168.1.20"
    assert target.known_hosts == ROOT / "known_hosts"
    assert target.key_path == Path.home() / ".ssh" / "id_ed25519"
    other_port = InventoryHost("jetson", (), {**DATA, "ssh_port": 2222})
    assert targets.of(other_port).pinned_name == "[192.168.1.20]:2222"


@pytest.mark.parametrize("name", ["a.b", "-x", "a b", "A", "$(id)"])
def test_an_account_name_that_sudo_would_pass_over_is_refused(name: str) -> None:
    with pytest.raises(TrustError, match="is not a plain account name"):
        targets.of(InventoryHost("jetson", (), {**DATA, "ssh_user": name}))


def test_missing_data_are_named() -> None:
    data = {key: value for key, value in DATA.items() if key != "ssh_key"}
    with pytest.raises(TrustError, match="jetson has no `ssh_key`"):
        targets.of(InventoryHost("jetson", (), data))


def _guest_inventory(target: Target, path: Path) -> Path:
    _inventory(target, path)
    data = "{'node': 'box', 'vmid': 121, 'cores': 1, 'memory_mib': 512, 'disk_gib': 4}"
    text = path.read_text().replace("('crate', {", "('crate', {'guest': " + data + ", ")
    path.write_text(text.replace("'127.0.0.1'", "'localhost'").replace("localhost", "127.0.0.1", 1))
    return path


def _tell(sshd: Sshd, key: str) -> None:
    """Have the node tell this as the key of its container 121."""
    sshd.add_tool("sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
    sshd.add_tool("pct", f'[ "$1 $2 $3" = "exec 121 --" ] && echo "{key}"')


def test_a_guest_is_trusted_through_its_node_and_nobody_is_asked(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    _admit(sshd, target)
    _tell(sshd, (sshd.directory / "host_ed25519.pub").read_text().strip())
    inventory = _guest_inventory(target, tmp_path / "inventory.py")
    _pin(target)
    status, said = _command(inventory, "crate")
    assert status == 0, said
    assert "[localhost]:" in target.known_hosts.read_text()


def test_a_guest_that_shows_another_key_than_its_node_tells_is_refused(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    _admit(sshd, target)
    other, _ = operator_key.load_or_make(tmp_path / "other")
    _tell(sshd, operator_key.authorized_line(other))
    inventory = _guest_inventory(target, tmp_path / "inventory.py")
    _pin(target)
    status, said = _command(inventory, "crate")
    assert status == 1
    assert f"not {other.fingerprint}: this is another machine, or someone is between" in said
    assert "localhost" not in target.known_hosts.read_text()


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("echo 'CT 121 not running' >&2; exit 255", "does not tell the host key of crate"),
        ("echo hello", "told no host key of crate, but: hello"),
        ("echo ssh-ed25519 x", "told no host key of crate, but: ssh-ed25519 x"),
    ],
)
def test_a_node_that_does_not_tell_a_key_is_named(
    sshd: Sshd, target: Target, tmp_path: Path, tool: str, said: str
) -> None:
    _admit(sshd, target)
    _tell(sshd, "")
    sshd.add_tool("pct", tool)
    inventory = _guest_inventory(target, tmp_path / "inventory.py")
    _pin(target)
    status, output = _command(inventory, "crate")
    assert (status, said in output) == (1, True), output


def test_a_node_that_is_not_trusted_vouches_for_nobody(target: Target, tmp_path: Path) -> None:
    inventory = _guest_inventory(target, tmp_path / "inventory.py")
    status, said = _command(inventory, "crate")
    assert status == 1
    assert "box vouches for its guest crate, but is not trusted itself" in said
    assert not target.known_hosts.exists()
