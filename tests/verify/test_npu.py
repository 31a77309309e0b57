"""NPU: OpenVINO finds it for the people who may use it, with the driver that is pinned."""

from __future__ import annotations

from testinfra.host import Host

from deploys.npu import CHECK, DEVICE, GROUP, Npu
from deploys.npu_driver import PACKAGES
from deploys.npu_server import UNIT

SHOW_ON_FAILURE = (
    f"ls -la {DEVICE}",
    "dmesg | grep intel_vpu | tail -n 5",
    f"journalctl --unit {UNIT} --lines 20 --no-pager",
)
NOBODY = f"setpriv --reuid nobody --regid nogroup --groups {GROUP}"


def test_openvino_finds_the_npu_for_everybody_who_may_use_it(host: Host, settings: Npu) -> None:
    for command in [f"runuser -u {user} --" for user in settings.users] or [NOBODY]:
        check = host.run(f"{command} env --chdir=/ {CHECK}")
        assert check.rc == 0, check.stderr
        assert "NPU: " in check.stdout


def test_people_outside_the_group_are_told_why_they_may_not(host: Host) -> None:
    check = host.run(f"runuser -u nobody -- env --chdir=/ {CHECK}")
    assert check.rc == 1
    assert f"no NPU for nobody: it may not open {DEVICE}" in check.stderr


def test_the_device_belongs_to_the_group_and_to_nobody_else(host: Host) -> None:
    device = host.file(DEVICE)
    assert (device.user, device.group, device.mode) == ("root", GROUP, 0o660)


def test_the_driver_is_the_pinned_one(host: Host, settings: Npu) -> None:
    for name in PACKAGES:
        assert host.package(name).version.startswith(settings.driver_release)


def test_the_model_server_answers_on_loopback_alone(host: Host, settings: Npu) -> None:
    if settings.server is None:
        assert not host.service(UNIT).is_running
        return
    assert host.service(UNIT).is_enabled
    models = f"http://127.0.0.1:{settings.server.port}/v2/models/{settings.server.model_name}/ready"
    host.check_output("curl --fail --silent --show-error %s", models)
    listening = host.socket.get_listening_sockets()
    ours = [each for each in listening if each.endswith(f":{settings.server.port}")]
    assert ours == [f"tcp://127.0.0.1:{settings.server.port}"]
