"""Deliver: sends the queue's events to the webhook, the oldest first, and does what it answers."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO

from . import spool
from .events import Event
from .metrics import write
from .queue import Queue, Waiting
from .settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0
LOCK_SECONDS = 1.0
TOLD = (200, 201)
UNTAGGED, NO_EVENT = 202, 422
NO_ANSWER = 0
"""In the place of a status where the webhook took an event and did not answer it."""


class NobodyThereError(Exception):
    """Nothing could be sent: the others need not be tried now."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for one address."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def deliver(settings: Settings) -> None:
    """Send what is due, once each. Wherever this ends, a file goes only after its answer."""
    with spool.locked(settings.state / "lock", LOCK_SECONDS):
        queue = Queue(settings.state)
        queue.take()
        try:
            _send_all(settings, queue)
        finally:
            queue.prune()
            write(settings.metrics, queue)


def _send_all(settings: Settings, queue: Queue) -> None:
    if not settings.url:
        return
    token = settings.token_file.read_text().strip()
    for waiting in queue.waiting():
        if waiting.not_before > time.time():
            continue
        try:
            status = post(settings.url, token, waiting.event, settings.answer_seconds)
        except NobodyThereError as error:
            print(f"<5>{settings.url} does not answer, tried again soon: {error}", file=sys.stderr)
            return
        _settle(settings, queue, waiting, status)
        # What came meanwhile goes behind; a long queue is not a reason to keep it in `incoming`.
        queue.take()


def _settle(settings: Settings, queue: Queue, waiting: Waiting, status: int) -> None:
    name = f"{waiting.event['repository']!r} {waiting.event['sha'][:12]}"
    if status in TOLD:
        queue.done(waiting)
    elif status == UNTAGGED:
        queue.later(waiting, settings.untagged_seconds, untagged=True)
    elif status == NO_EVENT:
        print(f"<4>{name} was refused as no event (422) and is set aside", file=sys.stderr)
        queue.reject(waiting)
    else:
        pause = min(FIRST_PAUSE * 2 ** min(waiting.attempts, 10), LONGEST_PAUSE)
        said = f"was answered {status}" if status else "was not answered"
        print(f"<4>{name} {said}, sent again in {pause:.0f} s", file=sys.stderr)
        queue.later(waiting, pause)


def post(url: str, token: str, event: Event, seconds: float) -> int:
    """The status that the webhook answers; NobodyThereError where nothing could be sent.

    One event that is never answered, since it takes too long or ends the receiver, is not in the
    way of the others: that is NO_ANSWER.
    """
    request = urllib.request.Request(
        url,
        data=json.dumps(event).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    # Proxies of the environment are for the world; the webhook is near.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    try:
        with opener.open(request, timeout=seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError as error:
        raise NobodyThereError(str(error)) from error
    except (OSError, HTTPException):
        return NO_ANSWER
