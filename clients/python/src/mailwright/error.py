"""What a call fails with: one exception, made of a gRPC status and its details."""

from __future__ import annotations

import random
from typing import Optional

import grpc
from google.rpc import error_details_pb2, status_pb2

from .v1.diagnosis_pb2 import Reason
from .v1.mail_pb2 import SendError

#: With these a connection or a proxy fails; where the server itself says one, it says a reason too.
_BROKEN = (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_REASONS = {number: name for name, number in Reason.items()}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class MailwrightError(Exception):
    """A call that failed. ``reason`` is for programs, the rest is for people.

    ``reason`` is a value of ``mailwright.v1.Reason`` without its prefix (``"OUTBOX_FULL"``), or empty
    where no answer came from the server. ``remedy`` says what to do, ``link`` is the provider's page,
    ``violations`` are pairs of a field's path and what is wrong with it, ``retry_delay`` is in seconds.
    ``request_id`` is the one that ``send`` used: with it, the same request can be repeated safely.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.reason = self.remedy = self.link = self.provider_code = self.request_id = ""
        self.violations: list[tuple[str, str]] = []
        self.retry_delay: Optional[float] = None

    def __str__(self) -> str:
        parts = (f"{self.reason or self.code.name}: {self.message}", self.link)
        return " ".join(part for part in parts if part)

    @classmethod
    def of(cls, failure: grpc.RpcError) -> MailwrightError:
        """Reads a failure of a generated stub."""
        assert isinstance(failure, grpc.Call)
        error = cls(failure.code(), failure.details() or "")
        status = status_pb2.Status()
        for key, value in failure.trailing_metadata() or ():
            if key == "grpc-status-details-bin" and isinstance(value, bytes):
                status.ParseFromString(value)
        info, help_ = error_details_pb2.ErrorInfo(), error_details_pb2.Help()
        bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        for detail in status.details:
            for known in (info, help_, bad, retry):
                if detail.Unpack(known) and known is retry:
                    error.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()
        error.reason, error.remedy = info.reason, info.metadata.get("remedy", "")
        error.provider_code = info.metadata.get("provider_code", "")
        error.link = next((link.url for link in help_.links), "")
        error.violations = [(at.field, at.description) for at in bad.field_violations]
        return error

    @classmethod
    def of_send_error(cls, failure: SendError) -> MailwrightError:
        """Reads an answer of ``SendStream`` that refuses its message."""
        said = failure.diagnosis
        error = cls(_CODES[failure.code], said.summary)
        error.reason = _REASONS.get(said.reason, "").removeprefix("REASON_")
        error.remedy, error.link, error.provider_code = said.remedy, said.help_url, said.provider_code
        error.violations = [(at.field, at.description) for at in failure.violations]
        if failure.HasField("retry_delay"):
            error.retry_delay = failure.retry_delay.ToTimedelta().total_seconds()
        return error

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later, if it is one that may be repeated."""
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_delay is not None
        if self.code in _BROKEN:
            return not self.reason
        return self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Backoff:
    """How long to wait between tries of one call: full jitter, and never less than the server asks."""

    def __init__(self) -> None:
        self._bound = 0.1
        #: How long one try may take, in seconds.
        self.patience = 10.0

    def after(self, error: MailwrightError) -> Optional[float]:
        """Seconds until the next try; None where there is none."""
        if not error.retryable:
            return None
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self.patience *= 2
        self._bound = min(self._bound * 2, 5.0)
        return (error.retry_delay or 0.0) + random.uniform(0, self._bound)
