"""Session of a desk: the environment that every program of the person starts with.

One file, which the person alone reads, and one module of PAM that reads it when a session of that
person begins: at the console and the desktop, over SSH (a single command too), in `su`, in cron
and in the person's own systemd. Shells' own files would miss most of these.
"""

from __future__ import annotations

import re

from deploys.gateway import base_url
from deploys.mlflow import ADMIN_PASSWORD, PATH
from deploys.rendering import render
from deploys.topology import Topology
from deploys.workstation_desk import CONFIGURATION, Desk
from operations.entries import Entry, File

ENVIRONMENT = f"{CONFIGURATION}/environment"
PROFILE = "/usr/share/pam-configs/ai-idp-workstation"
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
STACKS = ("common-session", "common-session-noninteractive")
MODEL_PATHS = {"vllm": "/vllm/v1", "llama_cpp": "/llama/v1", "edge": "/edge/v1"}
MLFLOW_USER = "admin"
# pam_env ends a value at `#`, takes a quote off its ends, and joins lines at a backslash.
AS_IT_IS = re.compile(r"[^\s#\"'\\]*")


def entries(desk: Desk) -> list[Entry]:
    """The environment, and what has PAM read it."""
    text = render("workstation/environment.j2", variables=variables(desk))
    return [
        File(
            ENVIRONMENT,
            text,
            mode="0600",
            owner=desk.user,
            group=desk.person.group,
            secret=True,
        ),
        File(PROFILE, _profile(desk.user).encode()),
    ]


def _profile(user: str) -> str:
    """For pam-auth-update, which takes every line for a field: no comment can be in it."""
    return f"""Name: Environment of who works at this desk (ai-idp)
Default: yes
Priority: 0
Session-Type: Additional
Session:
\t[success=ignore default=1]\tpam_succeed_if.so quiet user = {user}
\toptional\tpam_env.so envfile={ENVIRONMENT}
"""


def variables(desk: Desk) -> dict[str, str]:
    """Everything that the person's programs are told, secrets among it."""
    return {
        # Python's clients bring roots of their own; these two are what they can be told instead.
        "REQUESTS_CA_BUNDLE": SYSTEM_ROOTS,
        "SSL_CERT_FILE": SYSTEM_ROOTS,
        # Node adds these to its own.
        "NODE_EXTRA_CA_CERTS": SYSTEM_ROOTS,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **_model_server(desk),
        **_mlflow(desk),
    }


def _model_server(desk: Desk) -> dict[str, str]:
    base = base_url(desk.topology)
    if not (base and desk.model_server):
        return {}
    return {
        "OPENAI_BASE_URL": f"{base}{MODEL_PATHS[desk.model_server]}",
        "OPENAI_API_KEY": desk.store.get(f"{desk.model_server}/api-key").get_secret_value(),
    }


def _mlflow(desk: Desk) -> dict[str, str]:
    base = base_url(desk.topology)
    if not (base and _serves_runs(desk.topology)):
        return {}
    return {
        "MLFLOW_TRACKING_URI": f"{base}{PATH.rstrip('/')}",
        "MLFLOW_TRACKING_USERNAME": MLFLOW_USER,
        "MLFLOW_TRACKING_PASSWORD": desk.store.get(ADMIN_PASSWORD).get_secret_value(),
    }


def _serves_runs(topology: Topology) -> bool:
    return bool(topology.having("mlflow"))


def obstacle(desk: Desk) -> str:
    """Which secret PAM would not read as it is, and what to do; empty where it reads each."""
    told = variables(desk)
    secrets = {
        "OPENAI_API_KEY": f"{desk.model_server}/api-key",
        "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD,
    }
    for variable, secret in secrets.items():
        if not AS_IT_IS.fullmatch(told.get(variable, "")):
            return (
                f"the secret {secret} has a space, quote, backslash or `#` in it, which PAM would "
                f"not read as it is; give it another value: make secret NAME={secret} ROTATE=1"
            )
    return ""


def activation(user: str) -> str:
    return _step("activate", user=user)


def withdrawal() -> str:
    """PAM without it; its profile may be gone by then or still be there."""
    return _step("unmake")


def probe(desk: Desk) -> str:
    """A session of the person has each variable; their values are never said."""
    return render(
        "workstation/steps/session_probe.sh.j2", user=desk.user, names=[*variables(desk)]
    ).decode()


def live(user: str) -> str:
    """Whether PAM reads the environment for the person; what else is there is none of ours."""
    paths = " ".join(f"/etc/pam.d/{name}" for name in STACKS)
    return (
        f"for stack in {paths}; do grep -q envfile={ENVIRONMENT} $stack &&"
        f" grep -q 'user = {user}$' $stack"
        f' || echo "differs: $stack does not read the environment of {user}"; done'
    )


def _step(name: str, **more: str) -> str:
    values = {"environment": ENVIRONMENT, "profile": PROFILE, "stacks": STACKS, **more}
    return render(f"workstation/steps/{name}.sh.j2", **values).decode()
