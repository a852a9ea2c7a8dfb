"""What becomes of a DKIM key. A pair that is not in the table is not possible.

pending   made; its record is to be published. It signs nothing yet
active    its record was seen in the DNS: it signs
retiring  another signs; its record stays, for mail that is on its way
revoked   its record may go, or say so with an empty p=; the private key is destroyed
"""

from enum import StrEnum

from mailserver.errors import WrongState


class State(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"


class Change(StrEnum):
    ACTIVATE = "activate"
    RETIRE = "retire"
    REVOKE = "revoke"


NEXT: dict[tuple[State, Change], State] = {
    (State.PENDING, Change.ACTIVATE): State.ACTIVE,
    (State.PENDING, Change.REVOKE): State.REVOKED,  # never used
    (State.ACTIVE, Change.RETIRE): State.RETIRING,
    (State.ACTIVE, Change.REVOKE): State.REVOKED,  # somebody else may have it
    (State.RETIRING, Change.ACTIVATE): State.ACTIVE,  # back to it: its record is still there
    (State.RETIRING, Change.REVOKE): State.REVOKED,
}


def after(state: State, change: Change) -> State:
    """Raises WrongState."""
    following = NEXT.get((state, change))
    if following is None:
        raise WrongState(f"A key that is {state} can not be changed with '{change}'")
    return following
