"""A refusal as a response: the status, the headers that belong to it, and its words in DAV:error."""

import math

from mailserver.dav import errors
from mailserver.dav.response import XML, Headers, Response, text
from mailserver.dav.wire.basic import CHALLENGE
from mailserver.errors import (
    AuthenticationDelayed,
    AuthenticationFailed,
    MethodNotAllowed,
    PrivacyRequired,
    Refusal,
    Unavailable,
)

RETRY_SECONDS = 30  # where nobody can say when it will be better

_FOR_PEOPLE = AuthenticationFailed, AuthenticationDelayed, PrivacyRequired  # a browser shows them


def answer(refusal: Refusal, path: str = "") -> Response:
    """`path`: that was asked for, percent-encoded."""
    headers = _headers(refusal)
    if isinstance(refusal, _FOR_PEOPLE):
        return text(refusal.http, refusal.text, headers)
    return Response(refusal.http, errors.body(refusal, path), XML, headers)


def in_words(refusal: Refusal) -> Response:
    """For programs that know nothing of DAV, and people."""
    return text(refusal.http, refusal.text, _headers(refusal))


def _headers(refusal: Refusal) -> Headers:
    match refusal:
        case AuthenticationFailed():
            return (("WWW-Authenticate", CHALLENGE),)
        case AuthenticationDelayed(seconds=seconds):
            return (("Retry-After", str(math.ceil(seconds or RETRY_SECONDS))),)
        case MethodNotAllowed(allowed=allowed):
            return (("Allow", ", ".join(allowed)),)
        case Unavailable():
            return (("Retry-After", str(RETRY_SECONDS)),)
        case _:
            return ()
