"""Sends a password reset, waits until it is SENT, or explains why not.

    python examples/password_reset.py 127.0.0.1:50051 billing alex@contoso.com
"""

from __future__ import annotations

import os
import sys

from mailwright import Client, MailwrightError, v1


def reset_password(client: Client, service_id: str, to: str, link: str) -> bool:
    email = v1.Email(
        to=[v1.Address(address=to)],
        subject="Reset your password",
        text_body=f"Open {link} within an hour. If you didn't ask for this, do nothing.",
    )
    request = v1.SendRequest(service_id=service_id, email=email, priority=v1.PRIORITY_HIGH)
    request.expire_time.GetCurrentTime()
    request.expire_time.seconds += 3600  # a link that is dead helps nobody
    sent = client.send(request)
    watch = client.watch(v1.WatchStatusRequest(cursor=sent.cursor, message_ids=[sent.message_id]))
    for event in watch:
        message = event.message.message
        if message.state == v1.MESSAGE_STATE_SENT:
            print(f"sent to {to}")
            return True
        if message.HasField("problem"):
            state = v1.MessageState.Name(message.state).removeprefix("MESSAGE_STATE_").lower()
            print(f"{state}: {message.problem.summary} {message.problem.remedy} {message.problem.help_url}".rstrip())
        if message.HasField("end_time"):
            return False
    return False


def main() -> int:
    target, service_id, to = sys.argv[1:]
    plaintext = target.startswith(("127.", "localhost:"))
    with Client(target, os.environ.get("MAILWRIGHT_KEY", ""), plaintext=plaintext) as client:
        try:
            sent = reset_password(client, service_id, to, "https://example.com/reset/3f9a")
        except MailwrightError as error:
            print(f"{error}\n{error.remedy}", file=sys.stderr)
            return 1
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())
