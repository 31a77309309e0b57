"""A second SSH session: the proof that a host can still be reached, before a change stays."""

from __future__ import annotations

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.state import State


def confirm_by_second_session(state: State, host: Host, marker: str) -> bool:
    """Log in anew with the host's key and write `marker` there.

    The connection that pyinfra already holds proves nothing: an established one passes a firewall
    and outlives an sshd configuration that would let nobody in again. Where the login fails, the
    host misses its marker and restores itself; that result is the operation's, so True either way.
    """
    second = type(host.connector)(state, host)
    sudo = bool(host.data.get("_sudo", state.config.SUDO))
    try:
        second.connect()
        succeeded, output = second.run_shell_command(
            StringCommand("touch", marker), False, False, _sudo=sudo
        )
    except (ConnectError, OSError) as error:
        host.log_styled(f"a second session was refused: {error}", fg="red")
        return True
    finally:
        client = getattr(second, "client", None)
        if client is not None:
            client.close()
    if not succeeded:
        host.log_styled(f"the second session could not confirm: {output.output}", fg="red")
    return True
