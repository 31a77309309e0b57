"""The desk: an ordinary user works from the lab's xps13 with nothing set by hand."""

from __future__ import annotations

import base64
import shlex
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest

from lab import network
from lab.checkout import KNOWN_HOSTS_FILE
from lab.workstation import HOST, KEY, public_key
from tests.lab.conftest import shell
from tests.lab.person import HOME, USER
from tests.lab.waiting import wait_until

URL = "https://gateway.ai-idp.home.arpa"
VAULT = f"{HOME}/Vault"

FETCH = f"""
import os, requests
print(requests.get("{URL}/").status_code)
os.environ.pop("REQUESTS_CA_BUNDLE")
try:
    requests.get("{URL}/")
except requests.exceptions.SSLError:
    print("refused")
"""
ASK = """
import os, openai
client = openai.OpenAI()
model = client.models.list().data[0].id
asked = {"model": model, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
print(client.chat.completions.create(**asked).choices[0].message.role)
try:
    openai.OpenAI(api_key="wrong").chat.completions.create(**asked)
except openai.AuthenticationError:
    print("refused")
os.environ.pop("OPENAI_API_KEY")
try:
    openai.OpenAI()
except openai.OpenAIError:
    print("unknown")
"""
LOG = """
import os, mlflow
mlflow.set_experiment("desk")
with mlflow.start_run() as run:
    mlflow.log_param("host", "xps13")
print(mlflow.get_run(run.info.run_id).data.params["host"])
os.environ.pop("MLFLOW_TRACKING_PASSWORD")
try:
    mlflow.get_run(run.info.run_id)
except mlflow.exceptions.MlflowException:
    print("refused")
"""
DUMP = f"timeout 60 chromium --headless --no-sandbox --disable-gpu --dump-dom {URL}/"


def ssh(command: str) -> subprocess.CompletedProcess[str]:
    """One command over SSH, as the person and with nothing around it: no shell of a login."""
    options = ("-o", f"UserKnownHostsFile={KNOWN_HOSTS_FILE}", "-o", "StrictHostKeyChecking=yes")
    login = f"{USER}@{network.read().hosts[HOST]}"
    return subprocess.run(
        ["ssh", "-i", str(KEY), "-o", "IdentitiesOnly=yes", *options, login, command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def does(command: str) -> str:
    done = ssh(command)
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout.strip()


def python(program: str) -> list[str]:
    """The words that a program prints; it travels encoded, as `ssh` joins its words."""
    encoded = base64.b64encode(program.encode()).decode()
    return does(f"echo {encoded} | base64 -d | ai-idp-python -").split()


@pytest.fixture(scope="module", autouse=True)
def person() -> None:
    """The person has a key of their own, which their desk and the repositories know."""
    public, key = public_key(), base64.b64encode(KEY.read_bytes()).decode()
    shell(
        HOST,
        f"runuser -u {USER} -- sh -c 'umask 077; mkdir -p {HOME}/.ssh; cd {HOME}/.ssh;"
        f' echo {key} | base64 -d >id_ed25519; echo "{public}" | tee id_ed25519.pub'
        " >authorized_keys'",
    )


def test_curl_believes_the_gateway() -> None:
    assert does(f"curl --silent --show-error {URL}/ | grep -c '<title'") == "1"


def test_requests_believe_it_and_without_the_environment_do_not() -> None:
    assert python(FETCH) == ["200", "refused"]


def test_openai_s_client_completes_and_without_the_key_does_not() -> None:
    assert python(ASK) == ["assistant", "refused", "unknown"]


def test_mlflow_logs_a_run_and_without_the_password_does_not() -> None:
    # MLflow says much beside.
    assert python(LOG)[-2:] == ["xps13", "refused"]


def test_chromium_shows_the_status_page_and_without_the_ca_does_not() -> None:
    assert "<title" in does(DUMP)
    stranger = f"--user-data-dir=/tmp/{uuid4().hex}"
    home = f"/tmp/{uuid4().hex}"
    alone = ssh(f"mkdir {home}; HOME={home} {DUMP} {stranger}").stdout
    assert "ERR_CERT_AUTHORITY_INVALID" in alone or "Privacy error" in alone


@pytest.mark.parametrize(
    "session",
    [
        "bash -lc {}",
        "bash -c {}",
        "systemd-run --user --quiet --wait --pipe sh -c {}",
    ],
    ids=["login shell", "command", "systemd user session"],
)
def test_every_kind_of_session_knows_where_things_are(session: str) -> None:
    told = "printenv OPENAI_BASE_URL; printenv OPENAI_API_KEY | wc -c"
    assert does(session.format(shlex.quote(told))).split() == [f"{URL}/llama/v1", "65"]


def test_nobody_else_reads_the_keys() -> None:
    environment = "/etc/ai-idp/workstation/environment"
    refused = shell(HOST, f"runuser -u nobody -- cat {environment} 2>&1", check=False)
    assert "Permission denied" in refused


@pytest.fixture
def vault() -> Iterator[str]:
    yield VAULT
    does(f"rm -rf {VAULT}")


def test_the_vault_is_cloned_by_the_person_s_own_systemd(vault: str) -> None:
    does(f"rm -rf {vault}; systemctl --user start ai-idp-clone-vault.service")
    wait_until("the clone is there", lambda: ssh(f"ls {vault}/Templates").returncode == 0, 30)
    name = f"Daily/{uuid4().hex}.md"
    does(
        f"set -e; cd {vault}; mkdir -p Daily;"
        " git config user.name Ada; git config user.email ada@example.org;"
        f" echo note >{name}; git add {name}; git commit --quiet -m 'From the desk';"
        # n8n may write at any moment.
        " for attempt in 1 2 3 4 5; do git push --quiet && exit 0;"
        " git pull --quiet --no-rebase --no-edit; done; exit 1"
    )
    assert does(f"cd {vault}; git fetch --quiet; git show origin/main:{name}") == "note"


def test_ssh_refuses_a_host_with_another_key() -> None:
    does("ssh -o BatchMode=yes git@sclimers-automation 2>&1 | grep -qv 'verification failed'")
    server = network.read().hosts["sclimers-automation"]
    other = network.read().hosts["sclimers-mlflow"]
    swapped = ssh(
        f"ssh -o BatchMode=yes -o HostName={other} -o HostKeyAlias={server} git@{server} true"
    )
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in swapped.stdout
    assert swapped.returncode != 0


def test_nothing_in_the_home_is_roots() -> None:
    assert shell(HOST, f"find {HOME} ! -user {USER}") == ""
