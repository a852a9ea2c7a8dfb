"""The base subject, which replies and forwards of one subject share. RFC 5256 §2.1."""

import re

LONGEST = 2000  # characters of a subject that are looked at

_SPACES = re.compile(r"[ \t\r\n]+")
_TRAILER = "(fwd)"
_BLOB = re.compile(r"\[[^\[\]]*+\] *+")
_REPLIES = re.compile(rf" *+(?:(?:{_BLOB.pattern})*+(?:re|fwd?) *+(?:{_BLOB.pattern})?: *+)*+", re.IGNORECASE)
_FORWARDED = re.compile(r"\[fwd:(.*)\]", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """Of a decoded subject, in its own case; compare it by casemap.fold."""
    subject = subject[:LONGEST]
    if "  " in subject or not subject.isprintable():
        subject = _SPACES.sub(" ", subject)
    while True:
        subject = _without_leaders(_without_trailers(subject))
        forwarded = _FORWARDED.fullmatch(subject)
        if forwarded is None:
            return subject
        subject = forwarded[1]


def is_reply_or_forward(subject: str) -> bool:
    """Whether finding the base subject took more away than blobs and white space. RFC 5256 §2.1."""
    subject = _SPACES.sub(" ", subject[:LONGEST])
    if _without_trailers(subject) != subject.rstrip(" "):
        return True
    replies = _REPLIES.match(subject)
    if replies is not None and replies[0].strip(" "):
        return True
    return _FORWARDED.fullmatch(_without_leaders(subject.rstrip(" "))) is not None


def _without_trailers(subject: str) -> str:
    """Step 2: (fwd) and white space at the end."""
    subject = subject.rstrip(" ")
    while subject.endswith(")") and subject[-len(_TRAILER) :].lower() == _TRAILER:
        subject = subject[: -len(_TRAILER)].rstrip(" ")
    return subject


def _without_leaders(subject: str) -> str:
    """Steps 3 to 5: Re: and Fwd: with [blobs] before them, and blobs alone as long as something stays."""
    replies = _REPLIES.match(subject)
    after = before = replies.end() if replies else 0
    while blob := _BLOB.match(subject, after):
        before, after = after, blob.end()
    return subject[after if after < len(subject) else before :]
