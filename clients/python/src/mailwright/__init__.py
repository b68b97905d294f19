"""Client of Mailwright, a self-hosted email-sending service; messages, enums and stubs are in ``mailwright.v1``."""

from __future__ import annotations

import math
import random
import threading
import time
import uuid
from contextlib import AbstractContextManager
from functools import partial
from importlib import resources
from typing import Any, Callable, Iterator, Optional, TypeVar

import grpc
from google.rpc import error_details_pb2 as rpc, status_pb2

from . import v1

_T = TypeVar("_T")
# So a connection, a proxy or a feed (OK) ends; where the server itself says one, it says a reason too.
_LOST = ("UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "OK")
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", resources.files(__package__).joinpath("service_config.json").read_text()),
    ("grpc.max_receive_message_length", 48 << 20),
    # A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Events that are not read yet fill a connection's window, so the feed has a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
]


class MailwrightError(Exception):
    """A call that failed, read from what its stub raised: ``reason`` for programs, the rest for people.

    ``reason`` is a name of ``v1.Reason`` without its prefix, or empty where the server didn't answer. With
    ``request_id`` a ``send`` can be repeated safely. ``retry_delay`` (seconds) is ``None`` where that doesn't help.
    """

    def __init__(self, failure: Any, request_id: str = "") -> None:
        info, help_, bad, retry = rpc.ErrorInfo(), rpc.Help(), rpc.BadRequest(), rpc.RetryInfo()
        trailers = dict(failure.trailing_metadata() or ())
        for detail in status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
            for known in (info, help_, bad, retry):
                detail.Unpack(known)
        self.code: grpc.StatusCode = failure.code()
        self.message, self.reason, self.request_id = failure.details() or "", info.reason, request_id
        self.remedy, self.provider_code = info.metadata["remedy"], info.metadata["provider_code"]
        self.link = help_.links[0].url if help_.links else ""
        self.violations = [(at.field, at.description) for at in bad.field_violations]
        self.retry_delay = retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None
        super().__init__(f"{self.reason or self.code.name}: {self.message} {self.link}".rstrip())


class Client(AbstractContextManager["Client"]):
    """A connection to a server, ``host:port``. Threads may share it.

    TLS trusts the system's certificates, or those in ``ca`` (PEM); ``plaintext`` is for loopback and meshes that
    encrypt. The stubs ``mail``, ``admin`` and ``status`` wait for a connection: give their calls a ``timeout``.
    """

    def __init__(self, target: str, key: str = "", *, ca: Optional[bytes] = None, plaintext: bool = False) -> None:
        tls = partial(grpc.secure_channel, credentials=grpc.ssl_channel_credentials(ca))
        dial: Callable[..., grpc.Channel] = grpc.insecure_channel if plaintext else tls
        self._channels, self._closed = [dial(target, options=_OPTIONS) for _ in range(2)], threading.Event()
        calls, feed = (grpc.intercept_channel(one, _Bearer(key)) for one in self._channels)
        self.mail, self.admin, self.status = v1.MailAPIStub(calls), v1.AdminAPIStub(calls), v1.StatusAPIStub(feed)

    def send(self, request: v1.SendRequest, timeout: float = 60.0) -> v1.SendResponse:
        """Returns once the message is on the server's disk, and raises :class:`MailwrightError` otherwise.

        Makes a ``request_id`` where there is none and repeats the call with it for ``timeout`` seconds, through
        restarts, lost answers and a full outbox: the message is accepted once.
        """
        named = v1.SendRequest(request_id=str(uuid.uuid4()))
        named.MergeFrom(request)
        return self._repeat(lambda left: self.mail.Send(named, timeout=left), timeout, named.request_id)

    def watch(
        self, request: v1.WatchStatusRequest = v1.WatchStatusRequest(), *, heartbeats: bool = False, timeout: float = 60.0
    ) -> Iterator[v1.WatchStatusResponse]:
        """Yields each event once, from the request's cursor or position on (default: from now on).

        Keep an event's ``cursor`` to go on there in another process; ``heartbeats`` bring new ones in quiet times.
        Raises :class:`MailwrightError`, with ``OUT_OF_RANGE`` where events are no longer kept: none is skipped. So it
        does where the server's first answer takes longer than ``timeout`` seconds; later ones may.
        """
        feed = self._follow(v1.WatchStatusRequest.FromString(request.SerializeToString()), heartbeats, timeout)
        next(feed)  # "now" is this moment from here on, also when the connection breaks before the first event
        return feed

    def close(self, *_: object) -> None:
        """Ends what runs, with ``CANCELLED``, and closes the connections."""
        self._closed.set()
        for channel in self._channels:
            channel.close()

    __exit__ = close

    def _follow(self, at: v1.WatchStatusRequest, heartbeats: bool, timeout: float) -> Iterator[v1.WatchStatusResponse]:
        call: Any = None

        def receive(left: float) -> Any:
            nonlocal call
            if call is None or not call.is_active():  # the first stream ends by its deadline, the next has none
                call = self.status.WatchStatus(at, timeout=left if left < math.inf else None)
            for event in call:
                return event
            raise call  # a server that ends the stream in order is about to stop

        event: v1.WatchStatusResponse = self._repeat(receive, timeout)
        yield event  # to ``watch``
        while True:
            at.cursor = event.cursor
            if heartbeats or event.WhichOneof("event") in ("message", "service"):
                yield event
            event = self._repeat(receive)

    def _repeat(self, call: Callable[[float], _T], timeout: float = math.inf, request_id: str = "") -> _T:
        deadline, bound = time.monotonic() + timeout, 0.1
        while True:
            try:
                return call(max(0.0, deadline - time.monotonic()))
            except grpc.RpcError as failure:
                error, bound = MailwrightError(failure, request_id), min(bound * 2, 5.0)
                again = error.retry_delay is not None or (error.code.name in _LOST and not error.reason)
                wait = (error.retry_delay or 0.0) + random.uniform(0, bound)
                if not again or time.monotonic() + wait >= deadline:
                    raise error from failure
                if self._closed.wait(wait):
                    error.code = grpc.StatusCode.CANCELLED
                    raise error from failure


class _Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, key: str) -> None:
        self._header = [("authorization", f"Bearer {key}")] if key else []

    def _intercept(self, proceed: Any, details: Any, request: Any) -> Any:
        return proceed(details._replace(metadata=[*(details.metadata or ()), *self._header]), request)

    intercept_unary_unary: Any = _intercept
    intercept_unary_stream: Any = _intercept
    intercept_stream_stream: Any = _intercept
