"""Alertmanager: tells people of alerts, once and together, and sends the heartbeat.

Listens on the host's address. Keeps silences and what it sent in /var/lib/prometheus/alertmanager,
also when the role is removed. Without a receiver alerts are shown on its page alone. Where a host
has n8n, they are posted there too, and become notes.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys.declarations import Backup, GivenSecret, Port, Route, Scrape
from deploys.gateway import ADMIN_PASSWORD, base_url
from deploys.receivers import NTFY_TOPIC, Email, Ntfy, Webhook
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.webhooks import TOKEN, beside_n8n
from operations import packages, retirement, rollout, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps
from secret_store import SecretStore

PACKAGE = UNIT = "prometheus-alertmanager"
CONFIGURATION = "/etc/prometheus/alertmanager.yml"
DATA = "/var/lib/prometheus/alertmanager"
SECRETS = "/etc/prometheus/alertmanager"
DROP_IN = f"/etc/systemd/system/{UNIT}.service.d/ai-idp.conf"
PAGE = "/alertmanager/"
NO_RECEIVER = (
    "Alertmanager tells nobody: alerts are shown on its page alone; set `webhook`, `ntfy` or "
    "`email` in group_data/alertmanager.py"
)


class Alertmanager(Settings):
    """Whom Alertmanager tells, how often, and where it answers."""

    role: ClassVar[str] = "alertmanager"

    port: int = Field(default=9093, ge=1, le=65535, description="Port of the API and web interface")
    webhook: Webhook | None = Field(default=None, description="tell a program of your own")
    ntfy: Ntfy | None = Field(default=None, description="tell a phone, by ntfy")
    email: Email | None = Field(default=None, description="tell a mailbox")
    heartbeat: Webhook | None = Field(
        default=None,
        description="where the alert Watchdog is posted for as long as all is well: a service "
        "outside that tells you when it stays away",
    )
    heartbeat_seconds: int = Field(
        default=60, ge=10, le=3600, description="Time between two heartbeats"
    )
    group_wait_seconds: int = Field(
        default=30, ge=1, description="How long a first message waits for alerts of the same name"
    )
    group_interval_seconds: int = Field(
        default=300, ge=1, description="Time until a message tells of further ones, or of their end"
    )
    repeat_hours: int = Field(
        default=12, ge=1, le=120, description="Time until you are told again of what still fires"
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "alerts", ("prometheus", "nginx")),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("alertmanager", self.port),)

    def route(self) -> Route:
        return Route(
            self.port,
            "Alertmanager",
            health="/-/healthy",
            page=PAGE,
            password_secret=ADMIN_PASSWORD,
        )

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """Silences, and the memory of what people were told."""
        drill = render("alertmanager/steps/drill.sh.j2", data=DATA).decode()
        return (Backup("alertmanager", (DATA,), units=(f"{UNIT}.service",), drill=drill),)

    @property
    def tells_somebody(self) -> bool:
        return any((self.webhook, self.ntfy, self.email))

    def secrets(self) -> tuple[str, ...]:
        """The topic of ntfy, which nobody has to choose."""
        return (NTFY_TOPIC,) if self.ntfy and not self.ntfy.topic else ()

    def given_secrets(self) -> tuple[GivenSecret, ...]:
        """Addresses, token and password that somebody else made."""
        wanted = {
            "webhook": self.webhook.url_secret if self.webhook else "",
            "heartbeat": self.heartbeat.url_secret if self.heartbeat else "",
            "ntfy": self.ntfy.token_secret if self.ntfy else "",
            "email": self.email.password_secret if self.email and self.email.username else "",
        }
        return tuple(
            GivenSecret(
                name,
                f"`{setting}` needs the secret {name}, which only you can give",
                f"give it with: make secret NAME={name} GIVE=1",
            )
            for setting, name in wanted.items()
            if name
        )


@deploy("Alertmanager")
def install() -> None:
    settings = Alertmanager.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    # Not over the gateway: alerts tell of its end too.
    notes = beside_n8n(topology, "alerts")
    packages.installed(name="Install the package", packages=[PACKAGE, "curl"])
    service.deployed(
        name="Deploy the configuration",
        service="alertmanager",
        entries=[
            *configuration(settings, machine, base_url(topology), notes),
            *secret_files(settings, secret_store.for_data(host.data), notes),
        ],
        units=[UNIT],
        steps=Steps(
            validate=f'amtool check-config "$STAGE{CONFIGURATION}"\n',
            activate=render("alertmanager/steps/activate.sh.j2", unit=UNIT).decode(),
            probe=render(
                "alertmanager/steps/probe.sh.j2",
                endpoint=endpoint(settings, machine),
                configuration=CONFIGURATION,
            ).decode(),
        ),
    )
    if not settings.tells_somebody:
        rollout.noticed(name="Say that nobody is told", text=NO_RECEIVER)


@deploy("Remove Alertmanager")
def remove() -> None:
    """Take Alertmanager off the host; silences and its memory of what it sent stay."""
    retirement.service_removed(
        name="Remove the configuration", service="alertmanager", units=[UNIT]
    )
    packages.removed(name="Remove the package", packages=[PACKAGE])


def endpoint(settings: Alertmanager, machine: Machine) -> str:
    return f"{machine.address}:{settings.port}"


def configuration(
    settings: Alertmanager, machine: Machine, gateway: str, notes: str = ""
) -> list[Entry]:
    """The files without secrets; `gateway` is its base URL, `notes` n8n's webhook, or empty."""
    values = {
        "settings": settings,
        "endpoint": endpoint(settings, machine),
        "external_url": f"{gateway}{PAGE}" if gateway else "",
        "secrets": SECRETS,
        "notes": notes,
    }
    return [
        File(CONFIGURATION, render("alertmanager/alertmanager.yml.j2", **values)),
        File(f"/etc/default/{PACKAGE}", render("alertmanager/alertmanager.default.j2", **values)),
        File(DROP_IN, render("alertmanager/ai-idp.conf.j2")),
    ]


def secret_files(settings: Alertmanager, store: SecretStore, notes: str = "") -> list[Entry]:
    """A file for each address and password, for the account that Debian runs Alertmanager by."""
    contents = {"n8n-token": _value(store, TOKEN)} if notes else {}
    for name, webhook in (("webhook", settings.webhook), ("heartbeat", settings.heartbeat)):
        if webhook:
            contents[f"{name}-url"] = webhook.url or _value(store, webhook.url_secret)
    if ntfy := settings.ntfy:
        topic = ntfy.topic or _value(store, NTFY_TOPIC)
        contents["ntfy-url"] = f"{ntfy.server}/{topic}?template=alertmanager"
        if ntfy.token_secret:
            contents["ntfy-token"] = _value(store, ntfy.token_secret)
    if settings.email and settings.email.username:
        contents["smtp-password"] = _value(store, settings.email.password_secret)
    files = [
        File(f"{SECRETS}/{name}", text.encode(), mode="0640", group="prometheus", secret=True)
        for name, text in contents.items()
    ]
    return [Directory(SECRETS, mode="0750", group="prometheus"), *files] if files else []


def _value(store: SecretStore, name: str) -> str:
    return store.get(name).get_secret_value()
