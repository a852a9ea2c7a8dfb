"""Object ids as IMAP shows them: a letter for the kind and the store's number. RFC 8474 §4.

EMAILID stands for stored octets, which copies share; THREADID for a conversation; MAILBOXID for a mailbox, whatever
it is called.
"""

import re

_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


def email_id(content_id: int) -> bytes:
    return b"M%d" % content_id


def thread_id(number: int) -> bytes:
    return b"T%d" % number


def mailbox_id(number: int) -> bytes:
    return b"F%d" % number


def number_of(object_id: str, letter: str) -> int | None:
    """The number behind an id of this kind; None for one that we never gave."""
    digits = object_id.removeprefix(letter)
    return int(digits) if digits != object_id and _NUMBER.fullmatch(digits) else None
