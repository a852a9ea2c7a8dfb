"""The base subject, which replies and forwards of one subject share. RFC 5256 §2.1."""

import re

LONGEST = 2000  # characters of a subject that are looked at

_SPACES = re.compile(r"[ \t\r\n]+")
_TRAILER = re.compile(r"\(fwd\)\Z", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*+\] *+")
_REPLY = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?:", re.IGNORECASE)
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """Of a decoded subject, in its own case; compare it by casemap.fold."""
    subject = _SPACES.sub(" ", subject[:LONGEST])
    while True:
        subject = _without_leaders(_without_trailers(subject))
        forwarded = _FORWARDED.fullmatch(subject)
        if forwarded is None:
            return subject
        subject = forwarded[1]


def _without_trailers(subject: str) -> str:
    """Step 2: (fwd) and white space at the end."""
    subject = subject.rstrip(" ")
    while trailer := _TRAILER.search(subject, max(len(subject) - 5, 0)):
        subject = subject[: trailer.start()].rstrip(" ")
    return subject


def _without_leaders(subject: str) -> str:
    """Steps 3 to 5: Re: and Fwd: with [blobs] before them, and blobs alone as long as something stays."""
    position = 0
    while True:
        start = last_blob = _past_spaces(subject, position)
        after_blobs = start
        while blob := _BLOB.match(subject, after_blobs):
            last_blob, after_blobs = after_blobs, blob.end()
        reply = _REPLY.match(subject, after_blobs)
        if reply is None:
            return subject[after_blobs if after_blobs < len(subject) else last_blob :]
        position = reply.end()


def _past_spaces(subject: str, position: int) -> int:
    while subject.startswith(" ", position):
        position += 1
    return position
