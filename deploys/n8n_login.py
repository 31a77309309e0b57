"""n8n's login: the hash by which n8n knows the password of its owner."""

from __future__ import annotations

import base64
import hmac

import bcrypt

BCRYPT_ROUNDS = 10
BCRYPT_ALPHABET = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def password_hash(password: str) -> bytes:
    """The bcrypt hash that n8n compares a login with; the same at every call.

    A salt keeps equal passwords of many users apart. This one is made of the password itself,
    which is unique and random, so that a second plan finds the hash that the first one made.
    """
    digest = hmac.digest(password.encode(), b"salt of the owner of n8n", "sha256")[:16]
    encoded = base64.b64encode(digest).rstrip(b"=")
    salt = encoded.translate(bytes.maketrans(BASE64_ALPHABET, BCRYPT_ALPHABET))
    # bcrypt reads 72 bytes and refuses more; n8n cuts off what is beyond.
    return bcrypt.hashpw(password.encode()[:72], b"$2b$%d$%s" % (BCRYPT_ROUNDS, salt))
