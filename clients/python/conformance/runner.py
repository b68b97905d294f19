"""Plays the conformance scenario with the Python client: see README.md."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any, Callable

import grpc

from mailwright import Client, MailwrightError, v1

Step = dict[str, Any]


def ask(do: str, **fields: Any) -> dict[str, Any]:
    print(json.dumps({"do": do, **fields}), flush=True)
    answer: dict[str, Any] = json.loads(sys.stdin.readline())
    return answer


def failure(error: MailwrightError) -> str:
    parts = [f"{error.code.name} {error.reason}".strip()]
    parts += [name for name, there in (("remedy", error.remedy), ("link", error.link), ("retry", error.retry_delay)) if there]
    fields = " ".join(field for field, _ in error.violations)
    return ", ".join(parts + ([fields] if fields else []))


def reason(diagnosis: v1.Diagnosis) -> str:
    return v1.Reason.Name(diagnosis.reason).removeprefix("REASON_") if diagnosis.reason else ""


def state_name(state: v1.MessageState.ValueType) -> str:
    return v1.MessageState.Name(state).removeprefix("MESSAGE_STATE_")


class Runner:
    def __init__(self) -> None:
        self.world = ask("start")
        self.client = self.connect()
        self.sent: dict[str, v1.SendResponse] = {}

    def connect(self) -> Client:
        return Client(self.world["target"], self.world["key"], plaintext=True)

    def play(self, step: Step) -> str:
        try:
            outcome: str = getattr(self, step["do"])(step)
            return outcome
        except MailwrightError as error:
            return failure(error)
        except grpc.RpcError as error:
            return failure(MailwrightError(error))

    def create(self, _: Step) -> str:
        service = v1.Service(
            display_name="Billing",
            smtp=v1.Smtp(host="localhost", port=self.world["smtp_port"]),
            sender=v1.Sender(address="adele@contoso.com", name="Contoso Billing"),
            oauth2=v1.OAuth2(
                provider=v1.PROVIDER_MICROSOFT,
                login_email="adele@contoso.com",
                client_id=self.world["client_id"],
                client_secret=self.world["client_secret"],
            ),
            delivery=v1.Delivery(messages_per_minute=100_000, recipients_per_day=1_000_000),
        )
        request = v1.CreateServiceRequest(service_id="billing", service=service)
        return self.service_state(self.client.admin.CreateService(request, timeout=30).service)

    def service_state(self, service: v1.Service) -> str:
        return v1.ServiceState.Name(service.state).removeprefix("SERVICE_STATE_")

    def authorize(self, _: Step) -> str:
        begun = self.client.admin.BeginAuthorize(v1.BeginAuthorizeRequest(service_id="billing"), timeout=30)
        back = ask("consent", url=begun.authorization_url)
        request = v1.CompleteAuthorizeRequest(state=back["state"], code=back["code"])
        return self.service_state(self.client.admin.CompleteAuthorize(request, timeout=30).service)

    def test(self, step: Step) -> str:
        request = v1.SendTestRequest(service_id="billing", to=step["to"][0])
        passed = self.client.admin.SendTest(request, timeout=120).passed
        service = self.client.admin.GetService(v1.GetServiceRequest(service_id="billing"), timeout=30).service
        return f"{'passed' if passed else 'failed'}, {self.service_state(service)}"

    def request(self, step: Step, request_id: str) -> v1.SendRequest:
        email = v1.Email(
            to=[v1.Address(address=address) for address in step["to"]],
            subject=step.get("subject", request_id),
            text_body="Hello.",
        )
        if "attach" in step:
            email.attachments.add(filename="large.bin", content=b"x" * step["attach"])
        request = v1.SendRequest(service_id=step.get("service", "billing"), request_id=request_id, email=email)
        if "in_seconds" in step:
            request.send_time.FromSeconds(int(time.time()) + step["in_seconds"])
        return request

    def send(self, step: Step) -> str:
        answer = self.client.send(self.request(step, step["id"]), timeout=step.get("timeout", 60))
        self.sent[step["id"]] = answer
        parts = [state_name(answer.state), "deduplicated" if answer.deduplicated else "", reason(answer.problem)]
        return ", ".join(part for part in parts if part)

    def send_as(self, step: Step) -> str:
        with Client(self.world["target"], step["key"], plaintext=True) as client:
            return state_name(client.send(self.request(step, step["id"])).state)

    def send_tls(self, step: Step) -> str:
        with open(self.world["ca"], "rb") as file:
            ca = None if step.get("untrusted") else file.read()
        with Client(self.world["tls_target"], self.world["key"], ca=ca) as client:
            return state_name(client.send(self.request(step, step["id"]), timeout=step.get("timeout", 60)).state)

    def watch_frozen(self, step: Step) -> str:
        with open(self.world["ca"], "rb") as file:
            sealed = Client(self.world["tls_target"], self.world["key"], ca=file.read())
        with sealed:
            watch = sealed.watch()
            self.client.send(self.request(step, step["id"] + "-0"))
            next(watch)
            ask("freeze")
            begun = time.monotonic()
            awaited = self.client.send(self.request(step, step["id"] + "-1")).message_id
            while next(watch).message.message.message_id != awaited:
                pass
            return "noticed" if time.monotonic() - begun < step["within"] else "late"

    def send_unnamed(self, step: Step) -> str:
        answers = [self.client.send(self.request(step, "")) for _ in range(2)]
        ids = {answer.message_id for answer in answers}
        named = [self.client.mail.GetMessage(v1.GetMessageRequest(message_id=id), timeout=30) for id in ids]
        return f"{len(ids)} messages, {'named' if all(one.message.request_id for one in named) else 'unnamed'}"

    def message(self, id: str, until: Callable[[v1.Message], bool]) -> v1.Message:
        """Follows one message from its Send on."""
        sent = self.sent[id]
        for event in self.client.watch(v1.WatchStatusRequest(cursor=sent.cursor, message_ids=[sent.message_id])):
            if until(event.message.message):
                break
        request = v1.GetMessageRequest(message_id=sent.message_id)
        return self.client.mail.GetMessage(request, timeout=30).message

    def end(self, step: Step) -> str:
        message = self.message(step["id"], lambda message: message.HasField("end_time"))
        parts = [state_name(message.state)]
        for recipient in message.recipients:
            outcome = v1.RecipientOutcome.Name(recipient.outcome).removeprefix("RECIPIENT_OUTCOME_")
            parts.append(f"{recipient.address} {outcome} {reason(recipient.diagnosis)}".strip())
        return "; ".join(parts)

    def until(self, step: Step) -> str:
        message = self.message(step["id"], lambda one: state_name(one.state) == step["state"] and one.HasField("problem"))
        return f"{state_name(message.state)} {reason(message.problem)}"

    def cancel(self, step: Step) -> str:
        request = v1.CancelMessageRequest(message_id=self.sent[step["id"]].message_id)
        return state_name(self.client.mail.CancelMessage(request, timeout=30).message.state)

    def ask(self, step: Step) -> str:
        ask(step["ask"])
        return "done"

    def watch(self, step: Step) -> str:
        """Three messages before the server goes, three after it is back, and one watch through it all."""
        new, twice, sent = 0, 0, 0
        cursors: set[str] = set()
        watch = self.client.watch(v1.WatchStatusRequest(kinds=[v1.EVENT_KIND_MESSAGE]))
        for i in range(3):
            self.client.send(self.request(step, f"{step['id']}-{i}"))
        for event in watch:
            if not cursors:
                ask(step["ask"])
                for i in range(3, 6):
                    self.client.send(self.request(step, f"{step['id']}-{i}"))
            twice += event.cursor in cursors
            cursors.add(event.cursor)
            new += event.message.previous_state == v1.MESSAGE_STATE_UNSPECIFIED
            sent += event.message.message.state == v1.MESSAGE_STATE_SENT
            if sent == 6:
                break
        return f"{new} new, {sent} SENT, {twice} twice"

    def background(self, call: Callable[[], str]) -> Callable[[], str]:
        outcome: list[str] = []

        def run() -> None:
            try:
                outcome.append(call())
            except MailwrightError as error:
                outcome.append(failure(error))

        thread = threading.Thread(target=run)
        thread.start()

        def join() -> str:
            thread.join()
            return outcome[0]

        return join

    def send_through(self, step: Step) -> str:
        ask("stop")
        join = self.background(lambda: self.send(step))
        ask("serve")
        return join()

    def arrived(self, step: Step) -> str:
        message = self.message(step["id"], lambda message: message.HasField("end_time"))
        times = ask("arrived", subject=step["id"])["times"]
        return f"{state_name(message.state)}; {times} {'copy' if times == 1 else 'copies'}"

    def cancel_send(self, step: Step) -> str:
        client = self.connect()
        join = self.background(lambda: state_name(client.send(self.request(step, step["id"])).state))
        time.sleep(0.3)
        client.close()
        return join()

    def cancel_watch(self, step: Step) -> str:
        client = self.connect()
        request = v1.WatchStatusRequest(cursor=self.sent[step["id"]].cursor)
        join = self.background(lambda: next(client.watch(request)).cursor)
        time.sleep(0.3)
        client.close()
        return join()

    def fill(self, step: Step) -> str:
        self.client.admin.SuspendService(v1.SuspendServiceRequest(service_id="billing"), timeout=30)
        held, why = 0, ""
        while not why:
            try:
                self.client.send(self.request(step, f"{step['id']}-{held}"), timeout=step["timeout"])
                held += 1
            except MailwrightError as error:
                why = failure(error)
        self.client.admin.ResumeService(v1.ResumeServiceRequest(service_id="billing"), timeout=30)
        return f"{held} HELD, then {why}"

    def watch_from(self, step: Step) -> str:
        return "an event" if next(self.client.watch(v1.WatchStatusRequest(cursor=step["cursor"]))) else ""

    def new_store(self, _: Step) -> str:
        old = self.client.admin.GetServerInfo(v1.GetServerInfoRequest(), timeout=30).newest_cursor
        self.world["key"] = ask("new_store")["key"]
        self.client = self.connect()
        return self.watch_from({"cursor": old})


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        steps = json.load(file)["steps"]
    runner = Runner()
    results = []
    for step in steps:
        results.append(runner.play(step))
        print(f"{step['name']}: {results[-1]}", file=sys.stderr)
    ask("report", results=results)


main()
