"""The states of a session, RFC 9051 §3."""

from enum import Enum


class State(Enum):
    NOT_AUTHENTICATED = "before login"
    AUTHENTICATED = "after login"
    SELECTED = "with a mailbox selected"
    LOGOUT = "after logout"


ANY = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
NOT_AUTHENTICATED = frozenset({State.NOT_AUTHENTICATED})
AUTHENTICATED = frozenset({State.AUTHENTICATED, State.SELECTED})
SELECTED = frozenset({State.SELECTED})


def why_not(state: State, legal: frozenset[State]) -> str:
    """Why a command that is `legal` elsewhere is refused in `state`, and what would help."""
    if state is State.NOT_AUTHENTICATED:
        return "Not allowed before login"
    return "Select a mailbox first" if legal == SELECTED else "Not allowed after login"
