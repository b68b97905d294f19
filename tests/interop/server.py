"""A mail server that shares no line with Mailwright: aiosmtpd and a handler of a few lines.

Prints `port N` when it listens on 127.0.0.1. Each message is written to FOLDER as N.eml (the bytes
as they came, dots unstuffed) and N.json (the envelope), then `took N` is printed, then it is
answered with 250. Ends when its standard input does.
"""

import argparse
import asyncio
import base64
import json
import pathlib
import re
import ssl
import sys

from aiosmtpd.smtp import MISSING, SMTP, AuthResult

import bearer

MECHANISMS = {"PLAIN", "LOGIN", "XOAUTH2"}


class Server(SMTP):
    # RFC 4954 gives an AUTH line 12,288 octets; aiosmtpd's 1,001 are too few for a token.
    line_length_limit = 12288

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.command_size_limits["AUTH"] = self.line_length_limit


class Handler:
    def __init__(self, options):
        self.folder = options.folder
        self.login = options.login
        self.password = options.password
        self.issuer = options.issuer
        self.count = 0

    def authenticate(self, _server, _session, _envelope, mechanism, data):
        """PLAIN and LOGIN, whose dialogue is aiosmtpd's own."""
        user, password = data.login.decode(), data.password.decode()
        passed = (user, password) == (self.login, self.password)
        return AuthResult(success=passed, handled=False, auth_data=seen(mechanism, user, password))

    async def auth_XOAUTH2(self, server, args):
        blob = base64.b64decode(args[1], validate=True) if len(args) == 2 else await server.challenge_auth("")
        if blob is MISSING:
            return AuthResult(success=False)
        form = re.fullmatch(rb"user=([^\x01]+)\x01auth=Bearer ([\x21-\x7e]+)\x01\x01", blob)
        if form and form[1].decode() == self.login and self.is_good(form[2].decode()):
            return AuthResult(success=True, auth_data=seen("XOAUTH2", form[1].decode(), form[2].decode()))
        # The providers' way: the reason as a challenge, and 535 once the client has answered it.
        await server.challenge_auth('{"status":"401","schemes":"bearer","scope":"https://example.com/"}')
        return AuthResult(success=False, handled=False)

    def is_good(self, token):
        wrong = bearer.check(token, self.login, self.issuer) if self.issuer else ""
        if wrong:
            print("refused for", wrong, flush=True)
        return not wrong

    async def handle_DATA(self, _server, session, envelope):
        self.count += 1
        described = {
            "mail_from": envelope.mail_from,
            "rcpt_to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "auth": session.auth_data,
        }
        (self.folder / f"{self.count}.eml").write_bytes(envelope.original_content)
        (self.folder / f"{self.count}.json").write_text(json.dumps(described))
        print("took", self.count, flush=True)
        return "250 2.0.0 Taken"


def seen(mechanism, user, secret):
    return {"mechanism": mechanism, "user": user, "secret": secret}


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cert", help="with --key: STARTTLS is offered and required")
    parser.add_argument("--key")
    parser.add_argument("--auth", choices=sorted(MECHANISMS), help="AUTH by this mechanism is required")
    parser.add_argument("--login")
    parser.add_argument("--password")
    parser.add_argument("--issuer", help="XOAUTH2 takes this issuer's JWTs alone, not just any token")
    return parser.parse_args()


async def main():
    options = read_options()
    handler = Handler(options)
    tls = None
    if options.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.cert, options.key)
    loop = asyncio.get_running_loop()

    def session():
        return Server(
            handler,
            hostname="mx.example.com",
            loop=loop,
            tls_context=tls,
            require_starttls=tls is not None,
            enable_SMTPUTF8=True,
            auth_required=options.auth is not None,
            auth_exclude_mechanism=MECHANISMS - {options.auth},
            authenticator=handler.authenticate,
        )

    listener = await loop.create_server(session, "127.0.0.1", 0)
    print("port", listener.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


asyncio.run(main())
