"""SSH: keys only. A change stays only when a second session still gets in; else it is undone.

The settings lie in one drop-in that sshd reads first; its own configuration file is not touched.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, IPvAnyNetwork
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.declarations import Port
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Topology
from operations import packages, service
from operations.entries import File
from operations.transaction import Steps

DROP_IN = "/etc/ssh/sshd_config.d/00-ai-idp.conf"


class Ssh(Settings):
    role: ClassVar[str] = "ssh"

    port: int = Field(
        default=22,
        ge=1,
        le=65535,
        description="Port that sshd listens on already; if not 22, set the host's `ssh_port` too",
    )
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Networks that the firewall lets in; empty: `networks` of group_data/all.py",
    )
    permit_root_login: Literal["prohibit-password", "no"] = Field(
        default="prohibit-password",
        description="Whether root may log in with a key (nodes of a Proxmox cluster do)",
    )
    max_auth_tries: int = Field(default=4, ge=1, description="Failed attempts per connection")
    # pyinfra opens its commands and file transfers as sessions of one connection.
    max_sessions: int = Field(default=10, ge=10, description="Sessions within one connection")
    login_grace_seconds: int = Field(default=30, ge=5, description="Time to log in")
    client_alive_seconds: int = Field(
        default=60, ge=5, description="A client silent for three times as long is cut off"
    )

    def ports(self) -> tuple[Port, ...]:
        # The firewall opens it to networks, not to groups: whoever deploys is no inventory host.
        return (Port(self.port, "login and deployment", reachable_from=()),)


@deploy("SSH")
def install() -> None:
    settings = Ssh.of(host)
    address = Topology.of(inventory).machine(host.name).address
    packages.installed(name="Install the server", packages=["openssh-server", "openssh-client"])
    service.deployed(
        name="Allow keys only",
        service="ssh",
        entries=[File(DROP_IN, render("ssh/00-ai-idp.conf.j2", ssh=settings))],
        steps=Steps(
            validate=_VALIDATE,
            # Not `restart`, and no unit that a failure would turn off: it is the way in.
            activate=_ACTIVATE,
            probe=_probe(address, settings.port),
            live=_LIVE,
            probe_seconds=10,
            confirm_seconds=30,
        ),
    )


@deploy("SSH")
def remove() -> None:
    service.deployed(
        name="Return to the distribution's settings",
        service="ssh",
        entries=[],
        steps=Steps(validate="sshd -t\n", activate=_ACTIVATE, confirm_seconds=30),
    )


_VALIDATE = f"""grep -qiE '^[[:space:]]*Include[[:space:]]+"?/etc/ssh/sshd_config\\.d/\\*\\.conf' \\
    /etc/ssh/sshd_config || {{
    echo "/etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/*.conf; put" \\
        "'Include /etc/ssh/sshd_config.d/*.conf' on its first line" >&2
    exit 1
}}
# sshd takes the first value of each keyword: the staged file goes before the present ones.
printf 'Include %s\\n' "$STAGE{DROP_IN}" /etc/ssh/sshd_config >"$STAGE/sshd_config"
sshd -t -f "$STAGE/sshd_config"
"""

# Where the socket is enabled (Ubuntu from 22.10 on) it starts the service, which is not itself.
_ACTIVATE = """systemctl is-enabled --quiet ssh.socket || systemctl enable --quiet ssh.service
systemctl try-reload-or-restart ssh.service
"""

_LIVE = (
    "systemctl is-enabled ssh.socket || systemctl is-enabled ssh.service;"
    " sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin) '"
)


def _probe(address: str, port: int) -> str:
    """sshd's own answer to a login without any key: which ways in it offers."""
    return f"""offered=$(ssh -F none -o BatchMode=yes -o PreferredAuthentications=none \\
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \\
    -o ConnectTimeout=5 -p {port} nobody@{address} true 2>&1) || :
case $offered in
*'(publickey)'*) exit 0 ;;
# Undoing the first roll-out brings back the host's own settings: any answer is right then.
*'Permission denied'*) [ -e {DROP_IN} ] || exit 0 ;;
esac
echo "sshd does not offer just keys, it says: $offered" >&2
echo "if that lists a password: a drop-in that sorts before {DROP_IN}, or a line of" \\
    "/etc/ssh/sshd_config before its Include, has the first word; remove it" >&2
# sshd shuts an address out that comes often without a login (PerSourcePenalties, from 9.8 on).
sleep 2
exit 1
"""
