"""Clients of the gateway on a lab host: many at a time, each on a connection of its own.

usage: python3 - NAME PATH CLIENTS REQUESTS < this file    (prints what each answer was, as JSON)
"""

import http.client
import json
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor

SECONDS = 300
TRUST = ssl.create_default_context()


def ask(path: str, connection: http.client.HTTPSConnection) -> dict[str, object]:
    """Status, two headers, seconds, and whether an answer came to its end, however that looks."""
    begin = time.monotonic()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return {"status": 0, "problem": f"{type(error).__name__}: {error}"}
    return {
        "status": answer.status,
        "retry_after": answer.headers["Retry-After"],
        "seconds": time.monotonic() - begin,
        "type": answer.headers["Content-Type"],
        "text": text,
    }


def client(_: int) -> list[dict[str, object]]:
    name, path, _clients, requests = sys.argv[1:]
    connection = http.client.HTTPSConnection(name, timeout=SECONDS, context=TRUST)
    return [ask(path, connection) for _ in range(int(requests))]


clients = int(sys.argv[3])
with ThreadPoolExecutor(clients) as pool:
    print(
        json.dumps([answer for answers in pool.map(client, range(clients)) for answer in answers])
    )
