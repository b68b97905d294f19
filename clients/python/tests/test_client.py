"""The promises of the layer, against a server that plays a script."""

from __future__ import annotations

import threading
import time
import unittest
from concurrent import futures
from typing import Any, Callable, Iterator, Optional

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from mailwright import Client, MailwrightError, v1

Answer = Callable[[Any], Any]
CODES = grpc.StatusCode


def refuse(code: grpc.StatusCode, *details: Any) -> Answer:
    """Fails the call, with these details."""

    def answer(context: Any) -> Any:
        status = status_pb2.Status(code=code.value[0], message="refused")
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        if details:
            context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
        context.abort(code, "refused")

    return answer


def info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="mailwright.v1", metadata=metadata)


def retry_in(milliseconds: int) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=milliseconds * 1_000_000))


class Server(v1.MailAPIServicer, v1.StatusAPIServicer):
    """Answers each call with the next line of its script."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.requests: list[Any] = []
        self.keys: list[Optional[str]] = []

    def Send(self, request: Any, context: Any) -> Any:
        return self.next(request, context)

    def WatchStatus(self, request: Any, context: Any) -> Iterator[Any]:
        yield from self.next(request, context)

    def next(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.keys.append(dict(context.invocation_metadata()).get("authorization"))
        return self.script.pop(0)(context)


def event(cursor: str) -> v1.WatchStatusResponse:
    return v1.WatchStatusResponse(cursor=cursor, message=v1.MessageEvent())


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()  # type: ignore[abstract]
        self.grpc = grpc.server(futures.ThreadPoolExecutor(4))
        v1.add_MailAPIServicer_to_server(self.server, self.grpc)
        v1.add_StatusAPIServicer_to_server(self.server, self.grpc)
        port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.grpc.start()
        self.client = Client(f"127.0.0.1:{port}", "mw_1_secret", plaintext=True)

    def tearDown(self) -> None:
        self.client.close()
        self.grpc.stop(None)

    def silence(self, context: Any) -> Iterator[Any]:
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()
        return iter(())

    def failure(self, timeout: float = 5) -> MailwrightError:
        with self.assertRaises(MailwrightError) as raised:
            self.client.send(v1.SendRequest(service_id="billing"), timeout=timeout)
        return raised.exception

    def test_every_try_of_a_send_bears_one_request_id_and_the_key(self) -> None:
        self.server.script = [
            refuse(CODES.UNAVAILABLE, info("DRAINING"), retry_in(20)),
            refuse(CODES.INTERNAL),
            refuse(CODES.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retry_in(20)),
            lambda _: v1.SendResponse(message_id="m"),
        ]
        self.assertEqual(self.client.send(v1.SendRequest()).message_id, "m")
        ids = {request.request_id for request in self.server.requests}
        self.assertEqual((len(self.server.requests), len(ids)), (4, 1))
        self.assertTrue(ids.pop())
        self.assertEqual(set(self.server.keys), {"Bearer mw_1_secret"})

    def test_a_refusal_is_told_at_once_with_all_that_it_says(self) -> None:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field="email.to", description="is empty")
        help_ = error_details_pb2.Help(links=[error_details_pb2.Help.Link(url="https://example.com/")])
        said = info("INVALID_FIELD", remedy="Mend it.", provider_code="AADSTS1")
        self.server.script = [refuse(CODES.INVALID_ARGUMENT, said, bad, help_)]
        error = self.failure()
        self.assertEqual((error.code, error.reason), (CODES.INVALID_ARGUMENT, "INVALID_FIELD"))
        self.assertEqual((error.remedy, error.link, error.provider_code), ("Mend it.", "https://example.com/", "AADSTS1"))
        self.assertEqual(error.violations, [("email.to", "is empty")])
        self.assertEqual(error.request_id, self.server.requests[0].request_id)

    def test_a_bug_of_the_server_is_not_asked_for_again(self) -> None:
        self.server.script = [refuse(CODES.INTERNAL, info("INTERNAL"))]
        self.assertEqual(self.failure().reason, "INTERNAL")

    def test_what_is_asked_to_wait_beyond_the_deadline_is_told_at_once(self) -> None:
        self.server.script = [refuse(CODES.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retry_in(900))]
        begun = time.monotonic()
        self.assertEqual(self.failure(timeout=0.5).retry_delay, 0.9)
        self.assertLess(time.monotonic() - begun, 0.5)

    def test_a_server_that_does_not_answer_takes_no_longer_than_the_deadline(self) -> None:
        self.server.script = [lambda _: time.sleep(1)]
        self.assertEqual(self.failure(timeout=0.3).code, CODES.DEADLINE_EXCEEDED)

    def test_a_watch_goes_on_behind_what_it_has_yielded(self) -> None:
        def broken(context: Any) -> Iterator[v1.WatchStatusResponse]:
            yield event("1")
            yield v1.WatchStatusResponse(cursor="2", heartbeat=v1.Heartbeat())
            context.abort(CODES.UNAVAILABLE, "gone")

        self.server.script = [
            broken,
            lambda _: iter([event("3")]),
            lambda _: iter([event("4")]),
            refuse(CODES.OUT_OF_RANGE, info("CURSOR_OUT_OF_RANGE")),
        ]
        watch = self.client.watch()
        cursors = [next(watch).cursor for _ in range(3)]
        with self.assertRaises(MailwrightError) as raised:
            next(watch)
        self.assertEqual(cursors, ["1", "3", "4"])
        self.assertEqual([request.cursor for request in self.server.requests], ["", "2", "3", "4"])
        self.assertEqual(raised.exception.code, CODES.OUT_OF_RANGE)

    def test_a_watch_of_nobody_ends_with_its_timeout(self) -> None:
        self.grpc.stop(None).wait()
        with self.assertRaises(MailwrightError) as raised:
            self.client.watch(timeout=0.5)
        self.assertEqual(raised.exception.code, CODES.UNAVAILABLE)

    def test_a_watch_without_an_answer_ends_with_its_timeout(self) -> None:
        self.server.script = [self.silence]
        with self.assertRaises(MailwrightError) as raised:
            self.client.watch(timeout=0.3)
        self.assertEqual(raised.exception.code, CODES.DEADLINE_EXCEEDED)

    def test_a_watch_that_was_answered_outlives_its_timeout(self) -> None:
        def silent(context: Any) -> Iterator[v1.WatchStatusResponse]:
            yield event("1")
            yield from self.silence(context)

        self.server.script = [silent, lambda _: iter([event("2")])]
        watch = self.client.watch(timeout=0.3)
        self.assertEqual([next(watch).cursor, next(watch).cursor], ["1", "2"])
        self.assertEqual([request.cursor for request in self.server.requests], ["", "1"])

    def test_a_watch_ends_with_its_client(self) -> None:
        self.server.script = [lambda _: iter([event("1"), event("2")])]
        watch = self.client.watch()
        self.assertEqual(next(watch).cursor, "1")
        self.client.close()
        with self.assertRaises((MailwrightError, ValueError)):
            next(watch)

    def test_now_is_the_moment_at_which_a_watch_is_there(self) -> None:
        def broken(context: Any) -> Iterator[v1.WatchStatusResponse]:
            yield v1.WatchStatusResponse(cursor="now", heartbeat=v1.Heartbeat())
            context.abort(CODES.UNAVAILABLE, "gone")

        self.server.script = [broken, lambda _: iter([event("1")])]
        self.assertEqual(next(self.client.watch()).cursor, "1")
        self.assertEqual([request.cursor for request in self.server.requests], ["", "now"])


if __name__ == "__main__":
    unittest.main()
