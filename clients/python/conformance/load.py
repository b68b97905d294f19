"""Sends and watches without a pause until it is told to stop, for tests that restart a server under it.

Arguments: target, key, a file with the certificate to trust, and what request ids begin with. Each line of stdout is a JSON object:
``{"sent": REQUEST_ID, "message_id": ...}`` for what was accepted, ``{"event": MESSAGE_ID, "state": ...,
"cursor": ...}`` for what the feed told, and ``{"failed": ...}`` for what an application should never
see. The end of stdin stops the sending; it ends once the feed has told the end of all that was accepted.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from mailwright import Client, v1

SENDERS = 4

# Accepted messages whose end has not been told: more are sent when it has.
UNDER_WAY_MAX = 32


class Load:
    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.stopping = threading.Event()
        self.told = False
        self.lock = threading.Condition()
        self.accepted: set[str] = set()
        self.ended: set[str] = set()

    def say(self, **fields: Any) -> None:
        with self.lock:
            print(json.dumps(fields), flush=True)

    def send(self, sender: int) -> None:
        n = 0
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.stopping.is_set() or len(self.accepted - self.ended) < UNDER_WAY_MAX)
            if self.stopping.is_set():
                return
            request_id = f"{self.name}-{sender}-{n}"
            email = v1.Email(to=[v1.Address(address="alex@contoso.com")], subject=request_id, text_body="Hello.")
            request = v1.SendRequest(service_id="billing", request_id=request_id, email=email)
            try:
                sent = self.client.send(request)
            except Exception as failure:
                self.say(failed=f"send: {failure!r}")
                return
            self.say(sent=request_id, message_id=sent.message_id)
            with self.lock:
                self.accepted.add(sent.message_id)
            n += 1

    def watch(self, watch: Any) -> None:
        try:
            for event in watch:
                message = event.message.message
                self.say(event=message.message_id, state=v1.MessageState.Name(message.state), cursor=event.cursor)
                if message.HasField("end_time"):
                    with self.lock:
                        self.ended.add(message.message_id)
                        self.lock.notify_all()
        except Exception as failure:
            if not self.told:
                self.say(failed=f"watch: {failure!r}")

    def run(self) -> None:
        watch = self.client.watch(v1.WatchStatusRequest(kinds=[v1.EVENT_KIND_MESSAGE]))
        watcher = threading.Thread(target=self.watch, args=[watch])
        watcher.start()
        senders = [threading.Thread(target=self.send, args=[n]) for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        sys.stdin.read()
        with self.lock:
            self.stopping.set()
            self.lock.notify_all()
        for sender in senders:
            sender.join()
        with self.lock:
            self.lock.wait_for(lambda: self.accepted <= self.ended)
        self.told = True
        self.client.close()
        watcher.join()


def main() -> None:
    with open(sys.argv[3], "rb") as file:
        ca = file.read()
    with Client(sys.argv[1], sys.argv[2], ca=ca) as client:
        Load(client, sys.argv[4]).run()


main()
