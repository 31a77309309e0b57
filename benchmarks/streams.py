"""Streams of a model in turn through the gateway and past it: runs on a host, prints JSON.

Standard input is this text with its settings filled in.
"""

import http.client
import json
import ssl
import time
from typing import Any

SETTINGS: dict[str, Any] = {}
"""`gateway` (name), `server` (address and port), `key`, `pairs`, `tokens`."""


def measured(connection: http.client.HTTPConnection, path: str) -> tuple[float, float]:
    """Seconds until the first token, and the mean from token to token after it."""
    message = {"role": "user", "content": "hello"}
    body = {"messages": [message], "stream": True, "ignore_eos": True}
    headers = {"Authorization": f"Bearer {SETTINGS['key']}", "Content-Type": "application/json"}
    # Clients keep connections open; llama-server ends one after some requests.
    connection.close()
    connection.connect()
    begin = time.perf_counter()
    connection.request("POST", path, json.dumps(body | {"max_tokens": SETTINGS["tokens"]}), headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    times = []
    while line := answer.readline():
        if line.startswith(b"data: {"):
            times.append(time.perf_counter())
    return times[0] - begin, (times[-1] - times[0]) / (len(times) - 1)


gateway = http.client.HTTPSConnection(SETTINGS["gateway"], context=ssl.create_default_context())
server = http.client.HTTPConnection(SETTINGS["server"])
ways = ((gateway, "/llama/v1/chat/completions"), (server, "/v1/chat/completions"))
# Which one is first changes, so that neither always finds the model's cache warm.
pairs = []
for number in range(SETTINGS["pairs"] + 5):
    first, second = ways if number % 2 else ways[::-1]
    found = {first[1]: measured(*first), second[1]: measured(*second)}
    pairs.append([found[path] for _, path in ways])
counted = pairs[5:]
print(
    json.dumps(
        {
            "first": [[through[0], past[0]] for through, past in counted],
            "next": [[through[1], past[1]] for through, past in counted],
        }
    )
)
