"""IMAP over one mailbox, through the socket: what changes it, durable when the OK comes."""

import itertools
import random
import statistics
import threading
import time
from collections.abc import Iterator

from tests.bench.corpus import messages as corpus
from tests.bench.imap import LIST_ITEMS, MAILBOX, MESSAGES, Row, Server, login, result, selected
from tests.bench.imap_client import Wire

MANY = 1000  # messages moved, copied, expunged
ROUNDS = 4
APPENDS = 200
IDLE_ROUNDS = 40


def measure(demo: Server) -> list[Row]:
    return [
        flags_of_all(demo),
        flags_of_one(demo),
        *after_a_change(demo),
        *transfers(demo),
        append(demo),
        idle(demo),
    ]


def flags_of_all(demo: Server) -> Row:
    wire = selected(demo)
    times = [wire.timed(f"STORE 1:* {sign}FLAGS (\\Answered)".encode()) for sign in "+-" * ROUNDS]
    wire.close()
    return result("STORE 1:* ±FLAGS", times, 50.0)


def flags_of_one(demo: Server) -> Row:
    wire = selected(demo)
    times = [wire.timed(b"STORE %d +FLAGS (\\Draft)" % number) for number in range(1, 60)]
    wire.close()
    return result("STORE of one", times, None)


def after_a_change(demo: Server) -> list[Row]:
    """Ten messages changed by another session: what a client asks when it comes back."""
    wire, other = selected(demo), selected(demo)
    wire.command(b"ENABLE CONDSTORE")
    flags, changed = [], []
    for sign in "+-" * ROUNDS:
        modseq = _highestmodseq(wire)
        other.command(f"STORE {','.join(str(n) for n in range(7, MESSAGES, MESSAGES // 10))} {sign}FLAGS (x)".encode())
        wire.command(b"NOOP")
        changed.append(wire.timed(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % modseq))
        flags.append(wire.timed(b"FETCH 1:* (FLAGS)"))
    wire.close()
    other.close()
    return [
        result("FETCH 1:* (FLAGS), 10 were changed", flags, 15.0),
        result("FETCH CHANGEDSINCE, 10 were changed", changed, 0.7),
    ]


def transfers(demo: Server) -> list[Row]:
    copied, moved, expunged = [], [], []
    for _ in range(ROUNDS):
        wire = selected(demo)
        copied.append(wire.timed(b"COPY 2001:%d Junk" % (2000 + MANY)))
        wire.command(b"SELECT Junk")
        moved.append(wire.timed(b"MOVE 1:%d Trash" % MANY))
        wire.command(b"SELECT Trash")
        wire.command(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
        expunged.append(wire.timed(b"EXPUNGE"))
        wire.close()
    return [
        result(f"COPY of {MANY}", copied, 30.0),
        result(f"MOVE of {MANY}", moved, 20.0),
        result(f"EXPUNGE of {MANY}", expunged, 8.0),
    ]


def append(demo: Server) -> Row:
    wire = login(demo)
    times = []
    for text in corpus(APPENDS, seed=99):
        times.append(wire.timed(b"APPEND Drafts {%d+}\r\n%b" % (len(text), text)))
    row = result("APPEND one", times, 1.6)
    row["per_second"] = round(1000 / statistics.mean(times))
    wire.close()
    return row


def idle(demo: Server) -> Row:
    """From the OK that the changing session reads to the news that the idling one reads."""
    idler, sender = selected(demo, "Drafts"), login(demo)
    idler.send(b"i IDLE\r\n")
    idler.line()
    heard: list[float] = []
    times = []
    for text in itertools.islice(corpus(IDLE_ROUNDS, seed=5), IDLE_ROUNDS):
        listening = threading.Thread(target=lambda: (idler.line(), heard.append(time.perf_counter())))
        listening.start()
        sender.command(b"APPEND Drafts {%d+}\r\n%b" % (len(text), text))
        answered = time.perf_counter()
        listening.join()
        times.append(max(0.0, (heard[-1] - answered) * 1000))
    idler.close()
    sender.close()
    return result("IDLE: OK there → EXISTS here", times, 0.5)


def _highestmodseq(wire: Wire) -> int:
    answer = wire.command(f"STATUS {MAILBOX} (HIGHESTMODSEQ)".encode())
    return int(answer.split(b"HIGHESTMODSEQ ")[1].split(b")")[0])


MIX = (
    (40, "NOOP"),
    (20, f"FETCH {{page}} ({LIST_ITEMS})"),
    (15, "FETCH {one} (BODY.PEEK[])"),
    (10, "SEARCH UNSEEN"),
    (5, "SEARCH SUBJECT holiday"),
    (10, "STORE {one} +FLAGS.SILENT (\\Seen)"),
)


def mixed_commands(seed: int) -> Iterator[str]:
    """What a client does all day; every hundredth is a whole list of flags."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in MIX]
    for number in itertools.count(seed):
        first = rng.randrange(1, MESSAGES - 50)
        [(_, command)] = rng.choices(MIX, weights)
        yield "FETCH 1:* (FLAGS)" if number % 100 == 0 else command.format(page=f"{first}:{first + 49}", one=first)
