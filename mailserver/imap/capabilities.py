"""What the server says it can do, by the state of the session. RFC 9051 §7.2.2."""

from mailserver.imap.states import State

_ALWAYS = (b"IMAP4rev1", b"LITERAL+", b"SASL-IR", b"ID", b"ENABLE")

_AFTER_LOGIN = (
    b"CHILDREN",
    b"CONDSTORE",
    b"CREATE-SPECIAL-USE",
    b"ESEARCH",
    b"IDLE",
    b"LIST-EXTENDED",
    b"LIST-STATUS",
    b"MOVE",
    b"NAMESPACE",
    b"QUOTA",
    b"QUOTA=RES-STORAGE",
    b"SPECIAL-USE",
    b"UIDPLUS",
    b"UNSELECT",
)

ENABLES = frozenset({"CONDSTORE"})  # what ENABLE switches on, RFC 5161


def capabilities(state: State, *, may_log_in: bool, offers_tls: bool, max_append_octets: int) -> bytes:
    """The list behind CAPABILITY; before login only what somebody who logs in needs to know."""
    if state is State.NOT_AUTHENTICATED:
        login = (b"AUTH=PLAIN", b"AUTH=LOGIN") if may_log_in else (b"LOGINDISABLED",)
        return b" ".join((*_ALWAYS, *((b"STARTTLS",) if offers_tls else ()), *login))
    return b" ".join((*_ALWAYS, *_AFTER_LOGIN, b"APPENDLIMIT=%d" % max_append_octets))
