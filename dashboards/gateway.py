"""Gateway: what goes through it, how fast, what it refuses, and how it looks from outside."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Limits, Panel, Query, Row

ROUTE = "{{route}}"
REFUSALS = {
    "401": "no key or password, or a wrong one",
    "404": "no path of the list",
    "429": "too many at once",
}


def _status(status: str) -> str:
    """Requests each second with such a status, zero where there has been none yet."""
    rate = f'rate(nginx_requests_total{{status="{status}"}}[$__rate_interval])'
    return f"sum({rate}) or vector(0)"


TRAFFIC = Row(
    "Traffic",
    (
        Panel(
            "Requests by route",
            "Requests that were answered each second, by route, mean of 5 minutes.",
            units.RequestsPerSecond,
            (Query("route:nginx_requests:rate5m", ROUTE),),
            stacked=True,
        ),
        Panel(
            "Requests by status",
            "Requests that were answered each second, by status.",
            units.RequestsPerSecond,
            (
                Query(
                    "sum by (status) (rate(nginx_requests_total[$__rate_interval]))", "{{status}}"
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Sent",
            "Bytes that were sent each second, by route.",
            units.BytesPerSecondIEC,
            (
                Query(
                    "sum by (route) (rate(nginx_sent_bytes_total[$__rate_interval]))",
                    ROUTE,
                ),
            ),
            stacked=True,
        ),
    ),
)

TIME = Row(
    "Time",
    (
        Panel(
            "Half of the requests",
            "P50: half of the requests of a route end sooner. A streamed answer ends with its last "
            "token.",
            units.Seconds,
            (Query("route:nginx_request_seconds:p50_rate5m", ROUTE),),
        ),
        Panel(
            "The slow ones",
            "P95: one request in 20 of a route takes longer.",
            units.Seconds,
            (Query("route:nginx_request_seconds:p95_rate5m", ROUTE),),
        ),
        Panel(
            "Server errors",
            "Share of the requests to a route that ended with 5xx; 503 means that the server "
            "behind it does not answer.",
            units.PercentUnit,
            (
                Query(
                    '(sum by (route) (rate(nginx_requests_total{status=~"5.."}[5m])) '
                    "or 0 * route:nginx_requests:rate5m) / route:nginx_requests:rate5m",
                    ROUTE,
                ),
            ),
            limits=limits(units.PercentUnit, "nginx", "GatewayErrors"),
            maximum=1,
        ),
    ),
)

REFUSED = Row(
    "Refused",
    tuple(
        Panel(
            f"Answers {status}",
            f"Requests each second that were answered with {status}: {meaning}.",
            units.RequestsPerSecond,
            (Query(_status(status)),),
            height=6,
        )
        for status, meaning in REFUSALS.items()
    ),
)

OUTSIDE = Row(
    "From outside",
    (
        Panel(
            "Probes that succeed",
            "Whether a client with the internal CA gets an answer: 1, or 0.",
            units.Short,
            (Query("probe_success", ROUTE),),
            kind="bars",
            limits=Limits(critical=1, below=True),
            maximum=1,
        ),
        Panel(
            "Time of a probe",
            "From the name to the end of the answer.",
            units.Seconds,
            (Query("probe_duration_seconds", ROUTE),),
        ),
        Panel(
            "Certificate",
            "Days until the certificate expires. A run renews it in its last 30 days.",
            units.Days,
            (Query("(min(probe_ssl_earliest_cert_expiry) - time()) / 86400"),),
            kind="number",
            limits=limits(
                units.Days, "blackbox_exporter", "CertificateExpiresSoon", "CertificateExpires"
            ),
            decimals=0,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="gateway",
    title="Gateway",
    description="Requests, times, refusals and certificate of the gateway.",
    rows=(TRAFFIC, TIME, REFUSED, OUTSIDE),
    roles=("nginx",),
)
