"""Whether a message was written by a program that answers to the reverse-path: a bounce, an absence note. RFC 3834 §2.

The null reverse-path says so; programs from before it, and some today, say it with fields of the header.
"""

from mailserver.mail.editing import HeaderBlock

SERVERS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon", "maildelivery"})  # local parts
FIELDS = (b"x-failed-recipients", b"x-autoreply", b"x-autorespond", b"x-auto-response-suppress")
PRECEDENCES = frozenset({b"bulk", b"junk", b"auto_reply", b"auto-reply"})


def is_automatic(reverse_path: str, header: HeaderBlock) -> bool:
    """Pure. `reverse_path`: of the message that came, "" for the null one."""
    return (
        not reverse_path
        or reverse_path.rpartition("@")[0].lower() in SERVERS
        or any(map(header.has, FIELDS))
        or any(_first_word(value) not in {b"", b"no"} for value in header.values(b"auto-submitted"))
        or any(_first_word(value) in PRECEDENCES for value in header.values(b"precedence"))
        or any(_first_word(value) == b"multipart/report" for value in header.values(b"content-type"))
    )


def _first_word(value: bytes) -> bytes:
    return value.strip().lower().partition(b";")[0].partition(b"(")[0].strip()
