"""Prints as JSON what Python's `email` package reads in the message file that is named.

`defects` holds whatever that parser complains about, in any part or header.
"""

import email
import email.policy
import hashlib
import json
import pathlib
import sys


def addresses(message, name):
    header = message[name]
    return [] if header is None else [[one.display_name, one.addr_spec] for one in header.addresses]


def content(part):
    return None if part is None else part.get_content()


def attachment(part):
    return {
        "filename": part.get_filename(),
        "type": part.get_content_type(),
        "disposition": part.get_content_disposition(),
        "content_id": part["content-id"],
        "sha256": hashlib.sha256(part.get_payload(decode=True)).hexdigest(),
    }


def beside(message, body):
    """The Content-IDs in the same multipart/related as the HTML, whose cid: links they answer."""
    for part in message.walk():
        if part.get_content_type() == "multipart/related" and body in part.get_payload():
            return [other["content-id"] for other in part.get_payload() if other is not body]
    return []


def defects(message):
    for part in message.walk():
        yield from (repr(defect) for defect in part.defects)
        for name, value in part.items():
            yield from (f"{name}: {defect!r}" for defect in value.defects)


raw = pathlib.Path(sys.argv[1]).read_bytes()
message = email.message_from_bytes(raw, policy=email.policy.default)
text = message.get_body(("plain",))
html = message.get_body(("html",))
leaves = [part for part in message.walk() if not part.is_multipart()]
print(
    json.dumps(
        {
            "subject": message["subject"],
            "from": addresses(message, "from"),
            "to": addresses(message, "to"),
            "cc": addresses(message, "cc"),
            "bcc": addresses(message, "bcc"),
            "reply_to": addresses(message, "reply-to"),
            "message_ids": message.get_all("message-id"),
            "date": message["date"].datetime.isoformat(),
            "received": message.get_all("received", []),
            "campaign": message["x-campaign"],
            "text": content(text),
            "html": content(html),
            "attachments": [attachment(part) for part in leaves if part not in (text, html)],
            "beside_html": beside(message, html),
            "defects": list(defects(message)),
            "longest_line": max(len(line) for line in raw.split(b"\r\n")),
            "bare_line_ends": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
        }
    )
)
