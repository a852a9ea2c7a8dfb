"""The states of a session, RFC 1939 §3. UPDATE is what QUIT does in the second one."""

from enum import Enum


class State(Enum):
    AUTHORIZATION = "before login"
    TRANSACTION = "after login"
    ENDED = "after QUIT"


AUTHORIZATION = frozenset({State.AUTHORIZATION})
TRANSACTION = frozenset({State.TRANSACTION})
ANY = frozenset({State.AUTHORIZATION, State.TRANSACTION})
