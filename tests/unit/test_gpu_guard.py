"""The guard's script, with a Docker that tells what a test wants: whom it makes anew, and why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploys.nvidia import Nvidia
from deploys.rendering import render

SETTINGS = Nvidia(driver_version="580.159.04", recreations_per_hour=2)
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"

DOCKER = """\
#!/bin/sh
echo "docker $*" >>"$CALLS"
case "$*" in
"ps --all"*) echo abc ;;
*HostConfig.DeviceRequests*) echo "abc|$GIVEN|runc" ;;
*RestartPolicy*) echo "$STATE" ;;
*State.Running*) echo "true 1" ;;
*compose.project.working_dir*) echo /opt/ai-idp/stacks/vllm ;;
*compose.project.config_files*) echo /opt/ai-idp/stacks/vllm/compose.yaml ;;
*compose.project*) echo "$PROJECT" ;;
*compose.service*) [ -z "$PROJECT" ] || echo server ;;
"exec abc nvidia-smi -L") printf '%s\\n' "$ANSWER" ;;
"start "*) exit "$START" ;;
esac
"""
NOT_STARTED = "exited|unless-stopped|CDI device injection failed: unresolvable CDI devices"
CDI = '[{"Driver":"cdi","Count":0,"DeviceIDs":["nvidia.com/gpu=0"],"Capabilities":[["gpu"]]}]'


class Machine:
    """A host with one container, as the guard sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        self.memory, self.metrics = folder / "memory", folder / "metrics"
        self.metrics.mkdir()
        programs = {
            "docker": DOCKER,
            "systemctl": "#!/bin/sh\n",
            "nvidia-smi": '#!/bin/sh\neval "$HOST"\n',
        }
        for name, text in programs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def guard(self, **answers: str) -> tuple[list[str], str]:
        """What it asked Docker to change, and what it said."""
        values = {"GIVEN": CDI, "STATE": "running|unless-stopped|", "PROJECT": "vllm", "START": "0"}
        values |= {"HOST": "true", "ANSWER": "GPU 0: a card", "CALLS": str(self.calls), **answers}
        self.calls.write_text("")
        done = subprocess.run(
            ["sh", "-c", self._script()],
            env={**os.environ, **values},
            capture_output=True,
            text=True,
        )
        calls = self.calls.read_text().splitlines()
        words = ("up --detach", "docker restart", "docker start")
        return [call for call in calls if any(word in call for word in words)], done.stdout

    def _script(self) -> str:
        text = render(
            "nvidia/gpu-guard.sh.j2",
            settings=SETTINGS,
            state=self.folder / "services",
            textfiles=self.metrics,
        ).decode()
        for old, new in (
            ("PATH=", f"PATH={self.folder}:"),
            ("/var/lib/ai-idp/gpu-guard", str(self.memory)),
        ):
            assert old in text
            text = text.replace(old, new, 1)
        return text

    def measured(self) -> str:
        return (self.metrics / "ai_idp_gpu_guard.prom").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_container_that_has_its_card_is_left_alone(machine: Machine) -> None:
    assert machine.guard() == ([], "")
    assert "ai_idp_gpu_driver_answers 1\n" in machine.measured()


def test_a_container_that_was_given_none_is_not_asked(machine: Machine) -> None:
    assert machine.guard(GIVEN="null", ANSWER=MISMATCH) == ([], "")


@pytest.mark.parametrize("given", [CDI, '[{"Driver":"nvidia","Capabilities":[["gpu"]]}]'])
@pytest.mark.parametrize("answer", [MISMATCH, "Failed to initialize NVML: Unknown Error"])
def test_a_lost_card_is_given_anew_from_the_files_of_the_project(
    machine: Machine, given: str, answer: str
) -> None:
    calls, said = machine.guard(GIVEN=given, ANSWER=answer)
    assert calls == [
        "docker compose --project-name vllm --project-directory /opt/ai-idp/stacks/vllm"
        " --file /opt/ai-idp/stacks/vllm/compose.yaml --progress quiet"
        " up --detach --no-deps --force-recreate server"
    ]
    assert said == f"<4>vllm.server has lost its card ({answer}); it is made anew\n"
    assert 'ai_idp_gpu_container_recreated_total{container="vllm.server"} 1\n' in machine.measured()
    assert 'ai_idp_gpu_container_lost{container="vllm.server"} 1\n' in machine.measured()


def test_a_container_of_no_project_is_restarted(machine: Machine) -> None:
    assert machine.guard(PROJECT="", ANSWER=MISMATCH)[0] == ["docker restart abc"]


@pytest.mark.parametrize(
    "error",
    [
        "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=0",
        'could not select device driver "cdi" with capabilities: [[gpu]]',
    ],
)
def test_one_that_docker_could_not_start_without_its_card_is_started(
    machine: Machine, error: str
) -> None:
    assert machine.guard(STATE=f"exited|unless-stopped|{error}")[0] == ["docker start abc"]


@pytest.mark.parametrize("state", ["exited|unless-stopped|", "exited|no|CDI", "paused|always|"])
def test_one_that_somebody_stopped_stays_so(machine: Machine, state: str) -> None:
    assert machine.guard(STATE=state, ANSWER=MISMATCH)[0] == []


def test_nothing_is_made_anew_while_the_host_has_no_driver_itself(machine: Machine) -> None:
    calls, said = machine.guard(HOST="echo NVIDIA-SMI has failed; exit 9", ANSWER=MISMATCH)
    assert calls == []
    assert said == (
        "<3>the driver of this host does not answer (NVIDIA-SMI has failed); "
        "no container is touched\n"
    )
    assert "ai_idp_gpu_driver_answers 0\n" in machine.measured()


def test_it_gives_up_for_the_rest_of_the_hour(machine: Machine) -> None:
    tries = [machine.guard(ANSWER=MISMATCH) for _ in range(3)]
    assert [len(calls) for calls, _ in tries] == [1, 1, 0]
    assert "was tried 2 times within an hour: left as it is" in tries[-1][1]
    assert len(machine.guard(STATE=NOT_STARTED)[0]) == 1


def test_one_that_docker_left_off_comes_back_however_often_the_host_restarts(
    machine: Machine,
) -> None:
    tries = [machine.guard(STATE=NOT_STARTED) for _ in range(5)]
    assert [calls for calls, _ in tries] == [["docker start abc"]] * 5


def test_it_gives_up_on_one_that_cannot_be_started(machine: Machine) -> None:
    tries = [machine.guard(STATE=NOT_STARTED, START="1") for _ in range(3)]
    assert [len(calls) for calls, _ in tries] == [1, 1, 0]
    assert "vllm.server could not be made anew" in tries[0][1]
    assert "was tried 2 times within an hour: left as it is" in tries[-1][1]


def test_a_roll_out_of_the_same_project_comes_first(machine: Machine) -> None:
    project = machine.folder / "services" / "vllm"
    project.mkdir(parents=True)
    with subprocess.Popen(
        ["flock", str(project / "lock"), "sh", "-c", "echo held; read -r _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as roll_out:
        assert roll_out.stdout is not None
        roll_out.stdout.readline()
        calls, said = machine.guard(ANSWER=MISMATCH)
        roll_out.communicate(b"\n")
    assert calls == []
    assert "it is being rolled out, which comes first" in said
    assert len(machine.guard(ANSWER=MISMATCH)[0]) == 1
