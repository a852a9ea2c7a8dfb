"""Bulk APPEND: a thousand messages in one MULTIAPPEND, as an import or a client that was offline sends them."""

import statistics
import time

from tests.bench.corpus import messages as corpus
from tests.clients import ImapClient
from tests.daemon import Demo

MESSAGES = 1000
GOAL_PER_SECOND = 1500
ROUNDS = 5


async def measure(demo: Demo) -> dict[str, object]:
    """Messages per second from the first octet sent to the tagged OK, all of them durable then."""
    user = demo.users[0]
    client = await ImapClient.login(demo.port("imap"), user.email, user.password)
    texts = [*corpus(MESSAGES, seed=7)]
    command = b"".join([b" (\\Seen) {%d+}\r\n%b" % (len(text), text) for text in texts])
    rates = []
    for number in range(ROUNDS):
        mailbox = f"Bulk{number}"
        await client.command(f"CREATE {mailbox}")
        started = time.perf_counter()
        client.writer.write(b"m APPEND %b" % mailbox.encode() + command + b"\r\n")
        await client.writer.drain()
        answer = await client.line()
        rates.append(MESSAGES / (time.perf_counter() - started))
        assert answer.startswith(b"m OK [APPENDUID "), answer
    await client.close()
    rate = statistics.median(rates)
    return {
        "name": f"MULTIAPPEND of {MESSAGES} messages, durable",
        "per_second": round(rate),
        "goal_per_second": GOAL_PER_SECOND,
        "ok": rate >= GOAL_PER_SECOND,
    }
