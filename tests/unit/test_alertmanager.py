"""Alertmanager: whom its configuration tells, and that no address or password stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploys.alertmanager import Alertmanager, configuration, secret_files
from deploys.declarations import Port, Scrape
from deploys.receivers import NTFY_TOPIC, Email, Ntfy, Webhook
from deploys.topology import Machine
from operations.entries import Directory, File
from secret_store import SecretStore

MACHINE = Machine("observer", "192.0.2.1", (), {}, {})
GATEWAY = "https://gateway.example.home.arpa"
NOTES = "http://192.0.2.1:5678/webhook/alerts"
EMAIL = Email(
    to="me@example.org", sender="lab@example.org", server="mail.example.org:587", username="me"
)
EVERYTHING = Alertmanager(
    webhook=Webhook(url_secret="alertmanager/hook"),
    ntfy=Ntfy(server="https://ntfy.example.org/", token_secret="alertmanager/token"),
    email=EMAIL,
    heartbeat=Webhook(url="https://beat.example.org/x"),
)


def texts(settings: Alertmanager, gateway: str = GATEWAY) -> dict[str, str]:
    files = configuration(settings, MACHINE, gateway)
    return {file.path: file.content.decode() for file in files if isinstance(file, File)}


def rendered(settings: Alertmanager) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(texts(settings)["/etc/prometheus/alertmanager.yml"])
    return document


def receiver(settings: Alertmanager, name: str = "people") -> dict[str, Any]:
    (found,) = (one for one in rendered(settings)["receivers"] if one["name"] == name)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure([NTFY_TOPIC])
    store.put("alertmanager/hook", "https://hook.example.org/secret-part")
    store.put("alertmanager/token", "tk_of_ntfy")
    store.put("alertmanager/smtp-password", "of the mailbox")
    return store


def test_it_listens_for_prometheus_and_the_gateway() -> None:
    settings = Alertmanager(port=9094)
    assert settings.ports() == (Port(9094, "alerts", ("prometheus", "nginx")),)
    assert settings.scrapes() == (Scrape("alertmanager", 9094),)
    assert settings.route().page == "/alertmanager/"
    assert settings.route().password_secret == "nginx/admin-password"


def test_without_a_receiver_it_tells_nobody_and_needs_no_secret(store: SecretStore) -> None:
    settings = Alertmanager()
    assert not settings.tells_somebody
    assert receiver(settings) == {"name": "people"}
    assert receiver(settings, "heartbeat") == {"name": "heartbeat"}
    assert (settings.secrets(), settings.given_secrets()) == ((), ())
    assert secret_files(settings, store) == []


@pytest.mark.parametrize(
    "settings",
    [
        Alertmanager(webhook=Webhook(url="http://192.0.2.9/hook")),
        Alertmanager(ntfy=Ntfy(topic="alerts")),
        Alertmanager(email=EMAIL),
    ],
)
def test_each_receiver_is_somebody(settings: Alertmanager) -> None:
    assert settings.tells_somebody


def test_a_heartbeat_alone_is_nobody() -> None:
    assert not Alertmanager(heartbeat=Webhook(url="http://192.0.2.9/beat")).tells_somebody


def test_every_receiver_learns_of_an_end_too() -> None:
    assert receiver(EVERYTHING) == {
        "name": "people",
        "webhook_configs": [
            {"url_file": "/etc/prometheus/alertmanager/webhook-url", "send_resolved": True},
            {
                "url_file": "/etc/prometheus/alertmanager/ntfy-url",
                "send_resolved": True,
                "max_alerts": 5,
                "http_config": {
                    "authorization": {
                        "type": "Bearer",
                        "credentials_file": "/etc/prometheus/alertmanager/ntfy-token",
                    }
                },
            },
        ],
        "email_configs": [
            {
                "to": "me@example.org",
                "from": "lab@example.org",
                "smarthost": "mail.example.org:587",
                "require_tls": True,
                "send_resolved": True,
                "auth_username": "me",
                "auth_password_file": "/etc/prometheus/alertmanager/smtp-password",
            }
        ],
    }


def test_alerts_are_posted_to_n8n_too_and_its_token_lies_in_a_file(store: SecretStore) -> None:
    store.ensure(["n8n/webhook-token"])
    (config,) = configuration(Alertmanager(), MACHINE, GATEWAY, NOTES)[:1]
    assert isinstance(config, File)
    (people, _) = yaml.safe_load(config.content)["receivers"]
    assert people["webhook_configs"] == [
        {
            "url": NOTES,
            "send_resolved": True,
            "http_config": {
                "authorization": {
                    "type": "Bearer",
                    "credentials_file": "/etc/prometheus/alertmanager/n8n-token",
                }
            },
        }
    ]
    _, token = secret_files(Alertmanager(), store, NOTES)
    assert isinstance(token, File)
    assert (token.path, token.mode, token.group, token.secret) == (
        *("/etc/prometheus/alertmanager/n8n-token", "0640", "prometheus"),
        True,
    )
    value = store.get("n8n/webhook-token").get_secret_value()
    assert token.content.decode() == value
    assert value not in config.content.decode()


def test_n8n_is_nobody_who_is_told() -> None:
    assert not Alertmanager().tells_somebody


def test_addresses_and_passwords_lie_in_files_for_alertmanager_alone(store: SecretStore) -> None:
    directory, *files = secret_files(EVERYTHING, store)
    assert directory == Directory("/etc/prometheus/alertmanager", mode="0750", group="prometheus")
    assert all(isinstance(file, File) and file.secret for file in files)
    topic = store.get(NTFY_TOPIC).get_secret_value()
    found = {
        Path(file.path).name: (file.content.decode(), file.mode, file.group)
        for file in files
        if isinstance(file, File)
    }
    assert found == {
        name: (content, "0640", "prometheus")
        for name, content in {
            "webhook-url": "https://hook.example.org/secret-part",
            "heartbeat-url": "https://beat.example.org/x",
            "ntfy-url": f"https://ntfy.example.org/{topic}?template=alertmanager",
            "ntfy-token": "tk_of_ntfy",
            "smtp-password": "of the mailbox",
        }.items()
    }


def test_nothing_secret_stands_in_the_configuration(store: SecretStore) -> None:
    said = "".join(texts(EVERYTHING).values())
    values = [store.get(name).get_secret_value() for name in store.names()]
    assert not [value for value in values if value in said]


def test_a_topic_is_made_and_what_others_made_is_asked_for() -> None:
    assert EVERYTHING.secrets() == (NTFY_TOPIC,)
    assert Alertmanager(ntfy=Ntfy(topic="alerts")).secrets() == ()
    given = {secret.name: (secret.what, secret.remedy) for secret in EVERYTHING.given_secrets()}
    assert set(given) == {
        "alertmanager/hook",
        "alertmanager/token",
        "alertmanager/smtp-password",
    }
    assert given["alertmanager/hook"] == (
        "`webhook` needs the secret alertmanager/hook, which only you can give",
        "give it with: make secret NAME=alertmanager/hook GIVE=1",
    )


def test_the_heartbeat_is_sent_in_every_interval() -> None:
    (route,) = rendered(Alertmanager(heartbeat_seconds=60))["route"]["routes"]
    assert route == {
        "receiver": "heartbeat",
        "matchers": ['alertname="Watchdog"'],
        "group_wait": "0s",
        "group_interval": "60s",
        "repeat_interval": "30000ms",
    }


def test_a_host_that_is_down_silences_what_hangs_on_it() -> None:
    assert rendered(Alertmanager())["inhibit_rules"][0] == {
        "source_matchers": ['alertname="HostDown"'],
        "target_matchers": ['alertname!="HostDown"'],
        "equal": ["instance"],
    }


def test_it_forms_no_cluster_and_its_links_lead_to_the_gateway() -> None:
    last = texts(Alertmanager())["/etc/default/prometheus-alertmanager"].splitlines()[-1]
    assert last == (
        'ARGS="--web.listen-address=192.0.2.1:9093 --cluster.listen-address='
        f' --web.external-url={GATEWAY}/alertmanager/ --web.route-prefix=/"'
    )
    alone = texts(Alertmanager(), gateway="")["/etc/default/prometheus-alertmanager"]
    assert alone.splitlines()[-1] == (
        'ARGS="--web.listen-address=192.0.2.1:9093 --cluster.listen-address="'
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Webhook(), "give either `url` or `url_secret`, which names a secret"),
        (lambda: Webhook(url="http://x/", url_secret="x"), "give either `url` or `url_secret`"),
        (lambda: Webhook(url="hook"), "`hook` is no address; write https://name/path"),
        (lambda: Ntfy(server="ntfy.sh"), "`ntfy.sh` is no address; write https://name/path"),
        (lambda: Ntfy(topic="with space"), "String should match pattern"),
        (lambda: Email(to="a@b", sender="c@d", server="mail"), "String should match pattern"),
        (lambda: Alertmanager(heartbeat_seconds=9), "greater than or equal to 10"),
    ],
)
def test_what_could_reach_nobody_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
