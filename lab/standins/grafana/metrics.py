"""`/metrics` under the real server's names."""

from __future__ import annotations

import threading
import time
from collections import Counter

from .database import Database

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
STARTED = time.time()


class Metrics:
    """Counts requests by handler, method and status."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._lock = threading.Lock()
        self._seconds: dict[tuple[str, str, str], list[float]] = {}
        self._asked: Counter[tuple[str, str, str]] = Counter()

    def served(self, handler: str, method: str, status: int, seconds: float) -> None:
        with self._lock:
            self._seconds.setdefault((handler, method, str(status)), []).append(seconds)

    def asked(self, source: str, kind: str, status: int) -> None:
        with self._lock:
            self._asked[source, kind, str(status)] += 1

    def text(self, database: Database) -> str:
        with self._lock:
            lines = [*self._requests(), *self._sources()]
        boards = database.run("SELECT count(*) FROM dashboard")[0][0]
        users = database.run("SELECT count(*) FROM user")[0][0]
        build = (
            f'branch="HEAD",edition="oss",goversion="none",revision="lab",version="{self.version}"'
        )
        return "\n".join(
            [
                "# TYPE grafana_build_info gauge",
                f"grafana_build_info{{{build}}} 1",
                "# TYPE grafana_stat_totals_dashboard gauge",
                f"grafana_stat_totals_dashboard {boards}",
                "# TYPE grafana_stat_total_users gauge",
                f"grafana_stat_total_users {users}",
                "# TYPE process_start_time_seconds gauge",
                f"process_start_time_seconds {STARTED}",
                *lines,
                "",
            ]
        )

    def _requests(self) -> list[str]:
        name = "grafana_http_request_duration_seconds"
        lines = [f"# TYPE {name} histogram"]
        for (handler, method, status), seconds in self._seconds.items():
            labels = f'handler="{handler}",method="{method}",status_code="{status}"'
            for bound in BUCKETS:
                count = sum(second <= bound for second in seconds)
                lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {count}')
            lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {len(seconds)}')
            lines.append(f"{name}_sum{{{labels}}} {sum(seconds)}")
            lines.append(f"{name}_count{{{labels}}} {len(seconds)}")
        return lines

    def _sources(self) -> list[str]:
        name = "grafana_datasource_request_total"
        return [
            f"# TYPE {name} counter",
            *(
                f'{name}{{code="{status}",datasource="{source}",datasource_type="{kind}",'
                f'method="GET"}} {count}'
                for (source, kind, status), count in self._asked.items()
            ),
        ]
