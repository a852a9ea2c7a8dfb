"""The states of a row of the outbound queue, and what leads from one to another; anything else raises.

    pending    waits for its time                     held       waits for an operator
    sending    leased to a worker                     delivered  the next hop took it
    relayed    taken, but the next hop knows no delivery status notifications (RFC 3461 §5.2.2)
    bounced    refused for good                       expired    given up after its days
    cancelled  taken back, or its account is gone

The schema's four statuses are coarser: delivered and relayed are "sent", the last three "failed", held is "pending".
"""

from enum import StrEnum

from mailserver.errors import WrongState


class State(StrEnum):
    PENDING = "pending"
    HELD = "held"
    SENDING = "sending"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Event(StrEnum):
    CLAIM = "claim"  # a worker takes it
    DELIVER = "deliver"
    RELAY = "relay"
    DEFER = "defer"  # not now: tried again
    BOUNCE = "bounce"
    EXPIRE = "expire"
    RETURN = "return"  # given back untried: costs no attempt
    LOSE = "lose"  # the worker is gone, and nobody knows how far it came
    WARN = "warn"  # the sender is told that it takes long
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # due now
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    ABANDON = "abandon"  # its account or domain is gone


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.PENDING, Event.CLAIM): State.SENDING,
    (State.PENDING, Event.EXPIRE): State.EXPIRED,
    (State.PENDING, Event.WARN): State.PENDING,
    (State.PENDING, Event.HOLD): State.HELD,
    (State.PENDING, Event.RETRY): State.PENDING,
    (State.PENDING, Event.RESCHEDULE): State.PENDING,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.PENDING, Event.ABANDON): State.CANCELLED,
    (State.SENDING, Event.DELIVER): State.DELIVERED,
    (State.SENDING, Event.RELAY): State.RELAYED,
    (State.SENDING, Event.DEFER): State.PENDING,
    (State.SENDING, Event.BOUNCE): State.BOUNCED,
    (State.SENDING, Event.EXPIRE): State.EXPIRED,
    (State.SENDING, Event.RETURN): State.PENDING,
    (State.SENDING, Event.LOSE): State.PENDING,
    (State.SENDING, Event.ABANDON): State.CANCELLED,
    (State.HELD, Event.RELEASE): State.PENDING,
    (State.HELD, Event.RESCHEDULE): State.HELD,
    (State.HELD, Event.CANCEL): State.CANCELLED,
    (State.HELD, Event.ABANDON): State.CANCELLED,
}

ENDED = frozenset({State.DELIVERED, State.RELAYED, State.BOUNCED, State.EXPIRED, State.CANCELLED})
SUCCEEDED = frozenset({State.DELIVERED, State.RELAYED})

_WHY = {State.SENDING: "is being sent at this moment", State.HELD: "is held"}


def after(entry_id: int, state: State, event: Event) -> State:
    """Raises WrongState, which says why not."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        why = _WHY.get(state, f"is {state} already" if state in ENDED else "waits and is not held")
        raise WrongState(f"Queue entry {entry_id} {why}: can not {event}") from None
