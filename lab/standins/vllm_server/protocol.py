"""Protocol: requests and answers in the shapes of vLLM's API: OpenAI's with more fields."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from .engine import Request
from .startup import Served

Body = dict[str, Any]
FINGERPRINT = "vllm-stand-in"
LAST: Body = {"system_fingerprint": FINGERPRINT}
OPEN: Body = {"logprobs": None, "finish_reason": None}
PROMPT = ("prompt_token_ids", "prompt_text", "prompt_logprobs")
"""What of the prompt an answer may repeat, and only does when it is asked to."""


class Rejected(Exception):
    """An answer with an error: its status and its body."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def error(status: int, message: str, kind: str, param: str | None = None) -> Rejected:
    return Rejected(
        status, {"error": {"message": message, "type": kind, "param": param, "code": status}}
    )


def refused(status: int) -> Rejected:
    """Of a path that the stand-in does not play: disabled, or a body without its fields."""
    if status == 403:
        message = (
            "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to "
            "enable them."
        )
        return error(status, message, "PermissionDeniedError")
    return error(status, "1 validation error", "Bad Request")


def asked(body: Body, served: Served) -> Request:
    """The request in a body of /v1/chat/completions or /v1/completions.

    What is asked for past the end of the context is cut off, as vLLM does.
    """
    name = body.get("model") or served.name
    if name != served.name:
        message = f"The model `{name}` does not exist. Valid aliases: {served.name}."
        raise error(404, message, "NotFoundError", "model")
    if (heat := body.get("temperature") or 0) < 0:
        raise _bad(f"temperature must be non-negative, got {float(heat)}.", "temperature", heat)
    is_chat = "messages" in body
    prompt = _conversation(body) if is_chat else str(body["prompt"]).encode()
    longest = served.context_tokens
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit and limit > longest:
        what = f"max_tokens={limit} cannot be greater than max_model_len={longest}."
        raise _bad(f"{what} Please request fewer output tokens.", "max_tokens", limit)
    if len(prompt) > longest:
        raise _bad(
            f"This model's maximum context length is {longest} tokens. However, your prompt "
            f"contains at least {longest + 1} input tokens, which exceeds this limit even without "
            "any output tokens. Please reduce the length of the input prompt.",
            "input_tokens",
            longest + 1,
        )
    return Request(prompt, min(limit, longest - len(prompt)) if limit else None)


def _bad(what: str, param: str, value: object) -> Rejected:
    shown = float(value) if param == "temperature" and isinstance(value, int) else value
    message = f"{what} (parameter={param}, value={shown})"
    return error(400, message, "BadRequestError", param)


def parsed(content: bytes) -> Body:
    """The JSON in a request."""
    if not content:
        raise _invalid({"type": "missing", "loc": "body", "msg": "Field required", "input": "None"})
    try:
        body: Body = json.loads(content)
    except json.JSONDecodeError as wrong:
        raise _invalid(
            {
                "type": "json_invalid",
                "loc": f"body.{wrong.pos}",
                "msg": "JSON decode error",
                "input": "<dict of 0 items>",
                "ctx": {"error": wrong.msg},
            }
        ) from wrong
    return body


def needed(body: Body, field: str) -> None:
    """Reject a body without `field`."""
    if field in body:
        return
    if field == "prompt":
        message = "Either prompt or prompt_embeds must be provided and non-empty."
        raise error(400, f"{message} (parameter=prompt)", "BadRequestError", "prompt")
    size = f"<dict of {len(body)} items>"
    raise _invalid(
        {"type": "missing", "loc": f"body.{field}", "msg": "Field required", "input": size}
    )


def _invalid(what: Body) -> Rejected:
    return error(400, f"1 validation error:\n  {what}", "Bad Request", what["loc"])


def _conversation(body: Body) -> bytes:
    """The prompt by the template of the tiny models; its two special words are one token each."""
    said = "".join(f"\1{turn['role']}\n{turn['content']}\2\n" for turn in body["messages"])
    return f"{said}\1assistant\n".encode()


def usage(request: Request, tokens: int) -> Body:
    size = len(request.prompt)
    return {"prompt_tokens": size, "total_tokens": size + tokens, "completion_tokens": tokens}


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
        text, end = "".join(tokens), self.request.end
        choice = self._said(text) if self.is_chat else self._written(text, end)
        details = dict.fromkeys(("prompt_tokens_details", "completion_tokens_details"))
        return {
            **self.head,
            "object": "chat.completion" if self.is_chat else "text_completion",
            "choices": [{**choice, **dict.fromkeys(self._unasked)}],
            "usage": {**usage(self.request, len(tokens)), **details},
            "system_fingerprint": FINGERPRINT,
            **dict.fromkeys(("service_tier", "kv_transfer_params", "ec_transfer_params")),
            "metrics": None,
            **dict.fromkeys(PROMPT if self.is_chat else ()),
        }

    @property
    def _unasked(self) -> tuple[str, ...]:
        return ("routed_experts",) if self.is_chat else ("routed_experts", "prompt_logprobs")

    def _said(self, text: str) -> Body:
        message = {"role": "assistant", "content": text}
        unsaid = dict.fromkeys(("refusal", "annotations", "audio", "function_call", "reasoning"))
        return {"index": 0, "message": {**message, **unsaid}, **_ended(self.request.end)}

    def _written(self, text: str, end: str | None) -> Body:
        return {"index": 0, "text": text, **_ended(end), "prompt_token_ids": None}

    def pieces(self, tokens: Iterator[str], with_usage: bool) -> Iterator[Body]:
        """One for each token, for a chat one more before, with usage one more at the end."""
        if self.is_chat:
            opening = {"index": 0, "delta": {"role": "assistant", "content": ""}, **OPEN}
            yield self._piece([opening]) | dict.fromkeys(PROMPT[:2])
        count = 0
        for count, token in enumerate(tokens, start=1):
            is_last = count == self.request.tokens
            piece = self._piece([self._token(token, self.request.end if is_last else None)])
            yield piece | (LAST if is_last and not with_usage else {})
        if with_usage:
            yield self._piece([]) | LAST | {"usage": usage(self.request, count)}

    def _token(self, token: str, end: str | None) -> Body:
        if not self.is_chat:
            return self._written(token, end)
        said = {"index": 0, "delta": {"content": token}, **OPEN, "token_ids": None}
        return said | {"finish_reason": end, "stop_reason": None} if end else said

    def _piece(self, choices: list[Body]) -> Body:
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return {**self.head, "object": kind, "choices": choices}


def _ended(end: str | None) -> Body:
    return {"logprobs": None, "finish_reason": end, "stop_reason": None, "token_ids": None}


def models(served: Served, started: float) -> Body:
    """The list of the one model, with the permission that OpenAI's clients once wanted."""
    allowed = ("sampling", "logprobs", "view")
    forbidden = ("create_engine", "search_indices", "fine_tuning")
    permission = {
        "id": f"modelperm-{uuid.uuid4().hex}",
        "object": "model_permission",
        "created": int(started),
        **{f"allow_{what}": True for what in allowed},
        **{f"allow_{what}": False for what in forbidden},
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    card = {
        "id": served.name,
        "object": "model",
        "created": int(started),
        "owned_by": "vllm",
        "root": served.folder,
        "parent": None,
        "max_model_len": served.context_tokens,
        "permission": [permission],
    }
    return {"object": "list", "data": [card]}
