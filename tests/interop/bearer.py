"""Checks a bearer token as a mail server that trusts one issuer would: a JWT (RFC 7519) signed by
RS256 with a key of the issuer's, for this user, in time, and with the scope to send mail."""

import base64
import hashlib
import json
import time
import urllib.request

SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def check(token, user, issuer):
    """What is wrong with the token; empty for nothing."""
    head, payload, signature = token.split(".")
    header, claims = (json.loads(decoded(part)) for part in (head, payload))
    keys = {key["kid"]: key for key in fetched(f"{issuer}/jwks")["keys"]}
    key = keys.get(header["kid"])
    if header["alg"] != "RS256" or key is None or not is_signed(f"{head}.{payload}", decoded(signature), key):
        return "the signature"
    if claims["iss"] != issuer:
        return "the issuer"
    if not claims["nbf"] <= time.time() < claims["exp"]:
        return "the time"
    if claims["preferred_username"] != user:
        return "the user"
    if "mail.send" not in claims["scope"].split():
        return "the scope"
    return ""


def is_signed(text, signature, key):
    """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2)."""
    modulus, exponent = (int.from_bytes(decoded(key[part]), "big") for part in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    digest = SHA256_PREFIX + hashlib.sha256(text.encode()).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == expected


def fetched(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
