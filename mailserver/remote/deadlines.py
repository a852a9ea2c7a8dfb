"""How long each step of a session may take. RFC 5321 §4.5.3.2 names the least that a client should wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A reply that comes drop by drop is one step, however long it drips."""

    connect: float = 30.0
    greeting: float = 300.0
    hello: float = 300.0
    handshake: float = 60.0
    login: float = 120.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # for the server to take a piece of the content
    end: float = 600.0  # from the end of data to the server's answer
    reset: float = 10.0  # a connection that was kept and does not answer faster is not used again
    quit: float = 5.0
    # For one message to one destination, whatever happens; the queue's lease has to be longer. Steps are cut to it.
    whole: float = 1800.0
