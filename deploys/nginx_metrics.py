"""NGINX's metrics: mtail counts the lines of the access log, for Prometheus.

NGINX's own page of numbers (stub_status) knows neither routes nor statuses nor durations.
"""

from __future__ import annotations

from deploys.rendering import render
from operations import service
from operations.entries import Directory, File
from operations.transaction import Steps

PACKAGE = UNIT = "mtail"
SERVICE = "nginx_metrics"
PROGRAM = "/etc/mtail/nginx.mtail"
DROP_IN = f"/etc/systemd/system/{UNIT}.service.d"


def deployed(address: str, port: int) -> None:
    """Have mtail answer at `address`, and nowhere else."""
    values = {"address": address, "port": port}
    service.deployed(
        name="Deploy the metrics of the access log",
        service=SERVICE,
        entries=files(address, port),
        units=[UNIT],
        steps=Steps(
            validate=render("nginx/steps/metrics_validate.sh.j2", program=PROGRAM).decode(),
            probe=render("nginx/steps/metrics_probe.sh.j2", **values).decode(),
        ),
    )


def files(address: str, port: int) -> list[Directory | File]:
    values = {"address": address, "port": port}
    return [
        File(PROGRAM, render("nginx/nginx.mtail.j2")),
        File(f"/etc/default/{UNIT}", render("nginx/mtail.default.j2", **values)),
        Directory(DROP_IN),
        File(f"{DROP_IN}/ai-idp.conf", render("nginx/mtail_unit.conf.j2")),
    ]
