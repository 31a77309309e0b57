"""Traffic: users of every service behind the gateway, and some whom it turns away."""

from __future__ import annotations

import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import certificates
import secret_store
from deploys.edge import API_KEY as EDGE_KEY
from deploys.llama_cpp import API_KEY as LLAMA_KEY
from deploys.topology import Topology
from deploys.triton import API_KEY as TRITON_KEY
from deploys.vllm import API_KEY as VLLM_KEY
from lab.checkout import ROOT
from tests.verify import gateway

EMBEDDINGS_KEY = "embeddings/api-key"
DIGIT = ROOT / "files" / "triton" / "examples" / "digits.json"
TRITON = "/triton/v2/models/digits"
PAUSE_SECONDS = 0.2
END_SECONDS = 20


class Traffic:
    """Asks from some threads until the block ends; `problems` are answers that nobody expected."""

    def __init__(self, topology: Topology) -> None:
        (machine,) = topology.having("nginx")
        authority = certificates.for_data(machine.data).certificate_path
        self.gateway = gateway.of(machine, ssl.create_default_context(cafile=authority))
        self.store = secret_store.for_data(machine.data)
        self.models = {
            role: topology.having(role)[0].settings[role].model  # type: ignore[attr-defined]
            for role in ("vllm", "llama_cpp", "embeddings", "edge")
        }
        self.problems: list[str] = []
        self.answers: Counter[str] = Counter()
        self._over = threading.Event()
        users = (self._chat_vllm, self._chat_vllm, self._chat_llama, self._search, self._refused)
        self._threads = [
            threading.Thread(target=self._run, args=(user,), name=user.__name__) for user in users
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(END_SECONDS)

    def _run(self, user: Callable[[int], None]) -> None:
        number = 0
        while not self._over.wait(PAUSE_SECONDS):
            number += 1
            try:
                user(number)
            except Exception as error:  # of whatever kind: a user who is gone proves nothing
                self.problems.append(f"{user.__name__}: {type(error).__name__}: {error}")
            self.answers[user.__name__] += 1

    @property
    def fewest(self) -> int:
        """The rounds of the user who came to the fewest."""
        return min(self.answers[thread.name] for thread in self._threads)

    def _chat_vllm(self, number: int) -> None:
        self._chat("/vllm", self.models["vllm"], VLLM_KEY, number)

    def _chat_llama(self, number: int) -> None:
        self._chat("/llama", self.models["llama_cpp"], LLAMA_KEY, number)
        self._chat("/edge", self.models["edge"], EDGE_KEY, number)

    def _chat(self, route: str, model: str, key: str, number: int) -> None:
        """A streamed answer; all questions begin alike, as those of one application do."""
        opening = "You help in a small house. Answer briefly. " * 4
        messages = [{"role": "user", "content": f"{opening} Question {number % 7}: what now?"}]
        body = {"model": model, "messages": messages, "stream": True, "max_tokens": 24}
        self._ask(200, f"{route}/v1/chat/completions", body, key)

    def _search(self, number: int) -> None:
        """What a search does: a vector for its words, and a model of another kind."""
        words = {"model": self.models["embeddings"], "input": [f"search_query: word {number}"]}
        self._ask(200, "/embeddings/v1/embeddings", words, EMBEDDINGS_KEY)
        self._ask(200, f"{TRITON}/infer", json.loads(DIGIT.read_text()), TRITON_KEY)

    def _refused(self, number: int) -> None:
        """A wrong key, a path that nobody offers, and a model that fails for its input."""
        self._ask(401, "/vllm/v1/models", None, None)
        self._ask(404, "/vllm/metrics", None, VLLM_KEY)
        self._ask(400, f"{TRITON}/infer", {"inputs": []}, TRITON_KEY)

    def _ask(self, status: int, path: str, body: Any, key: str | None) -> None:
        value = None if key is None else self.store.get(key).get_secret_value()
        answer = self.gateway.ask(path, body, value)
        if answer.status != status:
            self.problems.append(f"{path} answered {answer.status} instead of {status}")
