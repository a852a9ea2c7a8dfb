"""What only POP3 refuses, and the response code of every refusal. RFC 2449 §8, RFC 3206 §4."""

from mailserver.errors import AuthenticationFailed, PrivacyRequired, Refusal


class MaildropInUse(Refusal):
    """Another session holds the lock, RFC 1939 §4."""

    imap, smtp, text = "INUSE", "450 4.2.1", "Another POP3 session has this maildrop open; try again later"


class NoSuchMessage(Refusal):
    smtp, text = "550 5.0.0", "No such message"


class NothingDeleted(Refusal):
    """QUIT could not do what it should; the text says why."""

    smtp = "451 4.3.0"


_CODES: tuple[tuple[type[Refusal], str], ...] = (
    (MaildropInUse, "IN-USE"),
    (AuthenticationFailed, "AUTH"),
    (PrivacyRequired, "SYS/PERM"),
)


def code_of(refusal: Refusal) -> str | None:
    """What passes by itself is SYS/TEMP; a request that can not be met has no code."""
    named = next((code for kind, code in _CODES if isinstance(refusal, kind)), None)
    return named or ("SYS/TEMP" if refusal.smtp.startswith("4") else None)
