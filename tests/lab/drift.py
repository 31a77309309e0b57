"""Drift: what somebody does to the lab's hosts by hand, and the words that a plan has for it.

What drifts together does so on hosts and roles that keep out of each other's way, so that one plan
and one run serve many cases.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploys.victoria_logs import PROGRAM
from deploys.workstation_trust import PROGRAM as BROWSER_TRUST
from facts.archive import ROOT as ARCHIVES
from group_data.victoria_logs import victoria_logs
from lab.machines import OWNER

Change = tuple[str, str, str]
"""Kind, action and what, as a plan names them; of a setting, the service that it belongs to."""

SERVER, JETSON = "schlimers-server", "jetson"
BOARD_METRICS = "ai-idp-jetson-metrics.service"
XPS15, XPS13 = "xps15", "xps13"
GATEWAY, OBSERVATION = "sclimers-gateway", "sclimers-observation"
GRAFANA, AUTOMATION, MLFLOW = "sclimers-grafana", "sclimers-automation", "sclimers-mlflow"

SERVER_CONTAINER = "llama_cpp-server-1"
BY_HAND_IMAGE = "by-hand:1"
MODEL = "llama-3.2-3b-instruct"
NODE_EXPORTER = "prometheus-node-exporter"
BY_HAND_PASSWORD = (
    "echo by-hand | runuser -u grafana -- grafana cli --config=/etc/grafana/grafana.ini"
    " admin reset-admin-password --password-from-stdin"
)

OLD_CA = (
    "openssl req -x509 -newkey ed25519 -nodes -keyout /dev/null -out /tmp/old.crt -subj /CN=old"
    f" -days 9 2>/dev/null; chmod 644 /tmp/old.crt; runuser -u {OWNER.user} --"
    f" python3 -I -B {BROWSER_TRUST} install /tmp/old.crt; rm /tmp/old.crt"
)


@dataclass(frozen=True)
class Drift:
    """One thing done by hand as root, and exactly what the next plan names because of it."""

    kind: str
    role: str
    host: str
    by_hand: str
    named: frozenset[Change]

    @property
    def id(self) -> str:
        return f"{self.role}-{self.kind}"


def content(role: str, host: str, path: str, *further: Change) -> Drift:
    command = f"printf '# by hand\\n' >>{path}"
    return Drift("content", role, host, command, frozenset({("file", "modify", path), *further}))


def mode(role: str, host: str, path: str, kind: str = "file") -> Drift:
    return Drift("mode", role, host, f"chmod 0777 {path}", frozenset({(kind, "modify", path)}))


def unit(role: str, host: str, name: str, *further: Change) -> Drift:
    named = {("unit", "enable", name), ("unit", "start", name), *further}
    return Drift("unit", role, host, f"systemctl disable --now {name}", frozenset(named))


def package(role: str, host: str, name: str, *further: Change) -> Drift:
    command = f"DEBIAN_FRONTEND=noninteractive dpkg --remove --force-depends {name}"
    return Drift(
        "package", role, host, command, frozenset({("package", "install", name), *further})
    )


def package_of_unit(role: str, host: str, name: str) -> Drift:
    """Without its package a unit is neither there nor enabled."""
    unit = f"{name}.service"
    return package(role, host, name, ("unit", "enable", unit), ("unit", "start", unit))


def container(kind: str, action: str, by_hand: str) -> Drift:
    named = frozenset({("container", action, "llama_cpp/server")})
    return Drift(kind, "llama_cpp", SERVER, by_hand, named)


def setting(role: str, host: str, by_hand: str) -> Drift:
    return Drift("setting", role, host, by_hand, frozenset({("setting", "restore", role)}))


CONTENTS_AND_SETTINGS = (
    content("base", XPS15, "/etc/hosts"),
    content("ssh", GRAFANA, "/etc/ssh/sshd_config.d/00-ai-idp.conf"),
    content("firewall", AUTOMATION, "/etc/ai-idp/firewall.nft"),
    content("node_exporter", MLFLOW, f"/etc/default/{NODE_EXPORTER}"),
    content("journal_upload", XPS13, "/etc/systemd/journal-upload.conf.d/ai-idp.conf"),
    content(
        "jetson",
        JETSON,
        f"/etc/systemd/system/{BOARD_METRICS}",
        ("unit", "reload definition of", BOARD_METRICS),
    ),
    Drift(
        "setting",
        "jetson",
        JETSON,
        "nvpmodel -m 0",
        frozenset({("setting", "set", "power mode")}),
    ),
    content("docker", JETSON, "/etc/docker/daemon.json"),
    Drift(
        "setting",
        "docker",
        JETSON,
        "apt-mark unhold docker-ce",
        frozenset({("setting", "hold", "package docker-ce")}),
    ),
    content("models", SERVER, "/opt/ai-idp/models/requirements.txt"),
    content("llama_cpp", SERVER, "/opt/ai-idp/stacks/llama_cpp/compose.yaml"),
    content("nginx", GATEWAY, "/etc/nginx/nginx.conf"),
    content("ups", XPS15, "/etc/nut/ups.conf"),
    content("prometheus", OBSERVATION, "/etc/prometheus/prometheus.yml"),
    content("git", AUTOMATION, "/srv/git/.ssh/authorized_keys"),
    content("vault", AUTOMATION, "/srv/git/vault.git/config"),
    content("commit_events", XPS13, "/etc/ai-idp/commit-events/settings.json"),
    content("workstation", XPS13, "/etc/ssh/ai-idp_known_hosts"),
    setting("workstation", XPS13, f"{OLD_CA}; sed -i /envfile=/d /etc/pam.d/common-session"),
    content("npu", XPS13, "/etc/sysusers.d/ai-idp-npu.conf"),
    setting("npu", XPS13, "gpasswd --delete owner render"),
    setting("grafana", GRAFANA, BY_HAND_PASSWORD),
    setting("git", AUTOMATION, "rm /srv/git/projects.git/HEAD"),
    setting("commit_events", AUTOMATION, "rm /srv/git/experiments.git/hooks/post-receive"),
    setting("base", XPS13, "hostname by-hand"),
    # None for ssh: disabling and enabling ssh.service makes systemd 257 lose sight of the running
    # sshd (its alias sshd.service goes and comes), and can end process 1 of a lab host.
    setting("firewall", XPS13, "nft delete table inet ai_idp"),
    container("setting", "recreate", f"docker update --pids-limit 7 {SERVER_CONTAINER}"),
    Drift(
        "setting",
        "models",
        SERVER,
        "rm $(readlink -f /opt/ai-idp/models/client)/complete",
        frozenset({("setting", "restore", "models")}),
    ),
)

MODES_AND_UNITS = (
    mode("base", GRAFANA, "/etc/hosts"),
    mode("ssh", XPS15, "/etc/ssh/sshd_config.d/00-ai-idp.conf"),
    mode("firewall", XPS15, "/etc/ai-idp", kind="directory"),
    mode("node_exporter", XPS15, f"/etc/default/{NODE_EXPORTER}"),
    mode("docker", SERVER, "/etc/docker/daemon.json"),
    mode("docker", JETSON, "/etc/systemd/system/docker.service.d/ai-idp.conf"),
    mode("models", SERVER, "/opt/ai-idp/models/requirements.txt"),
    mode("llama_cpp", SERVER, "/opt/ai-idp/stacks/llama_cpp/api-key"),
    mode("nginx", GATEWAY, "/etc/nginx/tls/gateway.key"),
    mode("prometheus", OBSERVATION, "/etc/prometheus/secrets/llama_cpp/api-key"),
    unit("base", AUTOMATION, "apt-daily.timer"),
    Drift(
        "boot unit",
        "base",
        GRAFANA,
        "systemctl disable ai-idp-recover.service",
        frozenset({("unit", "enable", "ai-idp-recover.service")}),
    ),
    unit("firewall", AUTOMATION, "ai-idp-firewall.service", ("setting", "restore", "firewall")),
    unit("node_exporter", MLFLOW, f"{NODE_EXPORTER}.service"),
    unit("victoria_logs", OBSERVATION, "victoria-logs.service"),
    unit("journal_upload", XPS13, "systemd-journal-upload.service"),
    unit("jetson", JETSON, "ai-idp-jetson-metrics.service"),
    unit("jetson", JETSON, "nv-l4t-usb-device-mode.service"),
    # Stopped, it would show the observer no container.
    Drift(
        "unit",
        "docker",
        JETSON,
        "systemctl disable docker.service",
        frozenset({("unit", "enable", "docker.service")}),
    ),
    unit("nginx", GATEWAY, "nginx.service"),
    unit("ups", JETSON, "nut-monitor.service"),
    unit("prometheus", OBSERVATION, "prometheus.service"),
    mode("git", AUTOMATION, "/srv/git/git-shell-commands/serve"),
    mode("vault", AUTOMATION, "/srv/vault/Commits", kind="directory"),
    mode("commit_events", AUTOMATION, "/etc/ai-idp/commit-events/token"),
    mode("npu", XPS13, "/usr/local/bin/npu-check"),
    unit("git", AUTOMATION, "ai-idp-git-locks.timer"),
    unit("vault", AUTOMATION, "ai-idp-vault-sync.path"),
    unit("commit_events", XPS13, "ai-idp-commit-events.timer"),
    mode("workstation", XPS13, "/etc/ai-idp/workstation/environment"),
    mode("grafana", GRAFANA, "/etc/grafana/secrets/admin-password"),
    unit("grafana", GRAFANA, "grafana-server.service"),
    container("container", "start", f"docker stop {SERVER_CONTAINER}"),
    Drift(
        "wrong byte",
        "models",
        SERVER,
        f"printf X | dd of=$(echo /srv/models/{MODEL}/*/*.gguf) bs=1 seek=4096 conv=notrunc",
        frozenset({("model", "replace", MODEL)}),
    ),
)

PACKAGES_AND_CONTAINERS = (
    package("base", GRAFANA, "unattended-upgrades"),
    package("ssh", AUTOMATION, "openssh-client"),
    package("firewall", MLFLOW, "nftables", ("setting", "restore", "firewall")),
    package_of_unit("node_exporter", XPS13, NODE_EXPORTER),
    Drift(
        "wrong byte",
        "victoria_logs",
        OBSERVATION,
        # The file of a running program cannot be written to.
        f"cd {ARCHIVES}/victoria-logs/* && cp -p {PROGRAM} x && echo >>x && mv x {PROGRAM}",
        frozenset({("archive", "replace", f"victoria-logs {victoria_logs.version}")}),
    ),
    package("docker", JETSON, "docker-compose-plugin"),
    content("edge", JETSON, "/opt/ai-idp/stacks/edge/compose.yaml"),
    package("models", SERVER, "python3-venv"),
    package("npu", XPS13, "intel-fw-npu"),
    # The unit's file and its enablement belong to nginx-common.
    package("nginx", GATEWAY, "nginx", ("unit", "start", "nginx.service")),
    package_of_unit("prometheus", OBSERVATION, "prometheus"),
    Drift(
        "link",
        "jetson",
        JETSON,
        "systemctl set-default graphical.target",
        frozenset({("link", "modify", "/etc/systemd/system/default.target")}),
    ),
    Drift(
        "link",
        "base",
        XPS15,
        "ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime",
        frozenset({("link", "modify", "/etc/localtime")}),
    ),
    container(
        "container",
        "recreate",
        f"docker tag $(docker inspect --format '{{{{.Image}}}}' {SERVER_CONTAINER}) {BY_HAND_IMAGE}"
        f" && docker rm --force {SERVER_CONTAINER} && docker run --detach"
        f" --name {SERVER_CONTAINER} --label com.docker.compose.project=llama_cpp"
        " --label com.docker.compose.service=server --label com.docker.compose.oneoff=False"
        f" --label com.docker.compose.container-number=1 {BY_HAND_IMAGE}",
    ),
)

BATCHES = {
    "contents and settings": CONTENTS_AND_SETTINGS,
    "modes and units": MODES_AND_UNITS,
    "packages and containers": PACKAGES_AND_CONTAINERS,
}
