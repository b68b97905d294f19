"""Connects, sends and watches: what every application would otherwise write around the stubs."""

from __future__ import annotations

import threading
import time
import uuid
from importlib import resources
from typing import Any, Callable, Iterator, Optional, Sequence, TypeVar

import grpc

from . import v1
from .error import Backoff, MailwrightError

_T = TypeVar("_T")
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", resources.files(__package__).joinpath("service_config.json").read_text()),
    ("grpc.max_receive_message_length", 48 << 20),
    # A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),
)


class Client:
    """A connection to a server. Threads may share it; ``close`` it, or use it in a ``with``.

    ``target`` is ``host:port``. TLS trusts the system's certificates, or those in ``ca`` (PEM);
    ``plaintext`` is for loopback and for meshes that encrypt: ``key`` travels with every call. The
    generated stubs are ``mail``, ``status`` and ``admin``; they wait for a connection, so give each
    call a ``timeout``. ``MailwrightError.of`` reads what they raise.
    """

    def __init__(self, target: str, key: str = "", *, ca: Optional[bytes] = None, plaintext: bool = False) -> None:
        def channel() -> grpc.Channel:
            if plaintext:
                opened = grpc.insecure_channel(target, options=_OPTIONS)
            else:
                opened = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options=_OPTIONS)
            return grpc.intercept_channel(opened, _Bearer(key)) if key else opened

        # Events that are not read yet fill a connection's window, so the feed has a connection of its own.
        self._channels = (channel(), channel())
        self.mail = v1.MailAPIStub(self._channels[0])
        self.admin = v1.AdminAPIStub(self._channels[0])
        self.status = v1.StatusAPIStub(self._channels[1])
        self._closed = threading.Event()

    def send(self, request: v1.SendRequest, timeout: float = 60.0) -> v1.SendResponse:
        """Hands over one message and returns once the server has it on disk.

        Makes a ``request_id`` where there is none and repeats the call with it for ``timeout`` seconds,
        through restarts, lost answers and a full outbox: the message is accepted once.
        Raises :class:`MailwrightError`; ``close`` ends it with ``CANCELLED``.
        """
        named = v1.SendRequest()
        named.CopyFrom(request)
        named.request_id = request.request_id or str(uuid.uuid4())
        try:
            return self._repeat(lambda left: self.mail.Send(named, timeout=left), time.monotonic() + timeout)
        except MailwrightError as error:
            error.request_id = named.request_id
            raise

    def watch(self, request: Optional[v1.WatchStatusRequest] = None, *, heartbeats: bool = False) -> Watch:
        """Follows the feed from ``request.cursor`` or ``position`` on (default: from now on)."""
        return Watch(self, request or v1.WatchStatusRequest(), heartbeats)

    def close(self) -> None:
        """Ends what runs and closes the connections."""
        self._closed.set()
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repeat(self, call: Callable[[float], _T], deadline: float) -> _T:
        backoff = Backoff()
        while True:
            try:
                return call(max(0.0, min(deadline - time.monotonic(), backoff.patience)))
            except (grpc.RpcError, ValueError) as failure:
                error = self._error(failure)
                wait = backoff.after(error)
                if self._closed.is_set() or wait is None or time.monotonic() + wait >= deadline:
                    raise error from failure
                self._closed.wait(wait)

    def _error(self, failure: Exception) -> MailwrightError:
        if isinstance(failure, grpc.RpcError) and not self._closed.is_set():
            return MailwrightError.of(failure)
        if self._closed.is_set():  # grpc says ValueError of a call on a closed channel
            return MailwrightError(grpc.StatusCode.CANCELLED, "the client was closed")
        raise failure


class Watch(Iterator[v1.WatchStatusResponse]):
    """The feed as an iterator that outlives connections and servers, and yields each event once.

    ``cursor`` is the place behind what it has yielded; keep it to go on there in another process. With
    ``heartbeats`` it yields those too, so that the cursor kept stays young where little passes the
    filters. Raises :class:`MailwrightError`, with ``OUT_OF_RANGE`` where events are no longer kept:
    nothing is ever skipped in silence. ``close``, from any thread, ends it.
    """

    def __init__(self, client: Client, request: v1.WatchStatusRequest, heartbeats: bool) -> None:
        self._client, self._heartbeats, self._closed = client, heartbeats, threading.Event()
        self._request = v1.WatchStatusRequest()
        self._request.CopyFrom(request)
        self._backoff = Backoff()
        self._call: Any = None
        if not request.cursor and request.position != v1.WATCH_POSITION_OLDEST:
            # "Now" must stay this moment when the first connection breaks before the first event.
            ask = v1.GetServerInfoRequest()
            info = client._repeat(lambda left: client.admin.GetServerInfo(ask, timeout=left), float("inf"))
            self._request.cursor = info.newest_cursor

    @property
    def cursor(self) -> str:
        return self._request.cursor

    def __next__(self) -> v1.WatchStatusResponse:
        while not self._closed.is_set():
            try:
                self._call = self._call or self._client.status.WatchStatus(self._request)
                if self._closed.is_set():  # after the look above, before there was a call to cancel
                    self._call.cancel()
                event: Optional[v1.WatchStatusResponse] = next(self._call, None)
            except (grpc.RpcError, ValueError) as failure:
                self._call = None
                if not self._closed.is_set():
                    self._wait(self._client._error(failure), failure)
                continue
            if event is None:  # a server that ends the stream in order is about to stop
                self._call = None
                self._wait(MailwrightError(grpc.StatusCode.UNAVAILABLE, "the feed ended"), None)
                continue
            self._backoff = Backoff()
            self._request.cursor = event.cursor
            if self._heartbeats or event.WhichOneof("event") in ("message", "service"):
                return event
        raise StopIteration

    def close(self) -> None:
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    def _wait(self, error: MailwrightError, failure: Optional[Exception]) -> None:
        wait = self._backoff.after(error)
        if wait is None or self._client._closed.is_set():
            raise error from failure
        self._closed.wait(wait)


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the key to every call."""

    def __init__(self, key: str) -> None:
        self._header = ("authorization", f"Bearer {key}")

    def _intercept(self, proceed: Any, details: Any, request: Any) -> Any:
        return proceed(details._replace(metadata=[*(details.metadata or ()), self._header]), request)

    intercept_unary_unary: Any = _intercept
    intercept_unary_stream: Any = _intercept
    intercept_stream_unary: Any = _intercept
    intercept_stream_stream: Any = _intercept
