"""Protocol: requests and answers in the shapes of vLLM's API: OpenAI's with more fields."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from .engine import Request
from .startup import Served

Body = dict[str, Any]


class Rejected(Exception):
    """An answer with an error: its status and its body."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def error(status: int, message: str, kind: str, param: str | None = None) -> Rejected:
    return Rejected(
        status, {"error": {"message": message, "type": kind, "param": param, "code": status}}
    )


def asked(body: Body, served: Served) -> Request:
    """The request in a body of /v1/chat/completions or /v1/completions."""
    name = body.get("model") or served.name
    if name != served.name:
        raise error(404, f"The model `{name}` does not exist.", "NotFoundError", "model")
    prompt = _conversation(body) if "messages" in body else str(body["prompt"]).encode()
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    total = len(prompt) + (limit or 0)
    if total > served.context_tokens or len(prompt) >= served.context_tokens:
        raise error(
            400,
            f"This model's maximum context length is {served.context_tokens} tokens. However, you "
            f"requested {limit or 0} output tokens and your prompt contains at least "
            f"{len(prompt)} input tokens, for a total of at least {total} tokens. Please reduce "
            "the length of the input prompt or the number of requested output tokens. "
            f"(parameter=input_tokens, value={len(prompt)})",
            "BadRequestError",
            "input_tokens",
        )
    return Request(prompt, limit)


def needed(body: Body, field: str) -> None:
    if field not in body:
        missing = {
            "type": "missing",
            "loc": ("body", field),
            "msg": "Field required",
            "input": body,
        }
        raise error(400, f"1 validation error:\n  {missing}", "Bad Request", f"body.{field}")


def _conversation(body: Body) -> bytes:
    """The prompt by the template of the tiny models; its two special words are one token each."""
    said = "".join(f"\1{turn['role']}\n{turn['content']}\2\n" for turn in body["messages"])
    return f"{said}\1assistant\n".encode()


def usage(request: Request, tokens: int) -> Body:
    size = len(request.prompt)
    return {
        "prompt_tokens": size,
        "total_tokens": size + tokens,
        "completion_tokens": tokens,
        "prompt_tokens_details": None,
    }


class Answer:
    """One answer to a chat or to a completion, whole or in pieces."""

    def __init__(self, served: Served, request: Request, is_chat: bool) -> None:
        self.request, self.is_chat = request, is_chat
        prefix = "chatcmpl" if is_chat else "cmpl"
        self.head = {
            "id": f"{prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": served.name,
        }

    def whole(self, tokens: list[str]) -> Body:
        text = "".join(tokens)
        said: Body = {"text": text}
        if self.is_chat:
            message: Body = {
                "role": "assistant",
                "content": text,
                "refusal": None,
                "tool_calls": [],
            }
            said = {"message": {**message, "annotations": None, "audio": None, "reasoning": None}}
        kind = "chat.completion" if self.is_chat else "text_completion"
        choice = {**self._choice(said, self.request.end), "stop_reason": None, "token_ids": None}
        rest = {"service_tier": None, "system_fingerprint": None, "prompt_logprobs": None}
        counted = {"usage": usage(self.request, len(tokens)), "kv_transfer_params": None}
        return {**self.head, "object": kind, "choices": [choice], **rest, **counted}

    def pieces(self, tokens: Iterator[str], with_usage: bool) -> Iterator[Body]:
        if self.is_chat:
            yield self._piece({"delta": {"role": "assistant", "content": ""}})
        count = 0
        for count, token in enumerate(tokens, start=1):
            end = self.request.end if count == self.request.tokens else None
            said = {"delta": {"content": token}} if self.is_chat else {"text": token}
            yield self._piece(said, end)
        if with_usage:
            yield {**self._piece({}), "choices": [], "usage": usage(self.request, count)}

    def _piece(self, said: Body, end: str | None = None) -> Body:
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return {**self.head, "object": kind, "choices": [self._choice(said, end)]}

    def _choice(self, said: Body, end: str | None) -> Body:
        return {"index": 0, **said, "logprobs": None, "finish_reason": end}


def models(served: Served, started: float) -> Body:
    card = {
        "id": served.name,
        "object": "model",
        "created": int(started),
        "owned_by": "vllm",
        "root": served.folder,
        "parent": None,
        "max_model_len": served.context_tokens,
    }
    return {"object": "list", "data": [card]}
