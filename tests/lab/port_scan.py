"""Port scan, run on a host: `python3 -c TEXT SECONDS ADDRESS:PORT ...` prints what answers."""

from __future__ import annotations

import asyncio
import sys

AT_ONCE = 400
"""Fewer than the files that a process may have open (1024 by default)."""


async def answers(endpoint: str, seconds: float) -> bool:
    """Whether a TCP connection to `endpoint` (`address:port`) comes about."""
    address, _, port = endpoint.rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, int(port)), seconds)
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True


async def scan(endpoints: list[str], seconds: float) -> list[str]:
    """Those of `endpoints` that answer."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(endpoint: str) -> bool:
        async with turn:
            return await answers(endpoint, seconds)

    found = await asyncio.gather(*map(ask, endpoints))
    return [endpoint for endpoint, answered in zip(endpoints, found, strict=True) if answered]


if __name__ == "__main__":
    print("\n".join(asyncio.run(scan(sys.argv[2:], float(sys.argv[1])))))
