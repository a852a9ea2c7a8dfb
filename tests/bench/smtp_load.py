"""A sender that costs as little as it can: `-m tests.bench.smtp_load PORT RECIPIENT CONNECTIONS MESSAGES OCTETS`.

Prints one JSON object: messages, seconds, rate and the latency from the final dot to the reply.
"""

import asyncio
import json
import sys
import time

import uvloop


def message(number: int, octets: int) -> bytes:
    head = (
        b"From: Bench <bench@peer.test>\r\nTo: ann@example.test\r\nSubject: bench %d\r\n"
        b"Message-ID: <%d.bench@peer.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n" % (number, number)
    )
    line = b"The quick brown fox jumps over the lazy dog, again and again and once more.\r\n"
    return head + line * ((octets - len(head)) // len(line))


class Sender(asyncio.Protocol):
    """One connection: pipelined MAIL, RCPT, DATA, then the text, then again."""

    def __init__(self, envelope: bytes, numbers: "Numbers", octets: int, done: "asyncio.Future[None]") -> None:
        self.envelope = envelope
        self.numbers = numbers
        self.octets = octets
        self.done = done
        self.pending = b""
        self.state = "greeting"
        self.asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self.pending = (self.pending + data).split(b"\r\n")
        for line in lines:
            if line[3:4] == b" ":
                self.reply(line)

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(fault or ConnectionError("closed"))

    def reply(self, line: bytes) -> None:
        write = self.transport.write  # type: ignore[attr-defined]
        if line[:1] not in b"23":
            raise SystemExit(f"refused: {line!r}")
        if self.state == "greeting":
            self.state = "ehlo"
            write(b"EHLO bench.test\r\n")
        elif line.startswith(b"354"):
            self.asked = time.perf_counter()
            self.state = "text"
            write(message(self.number, self.octets) + b".\r\n")
        elif self.state in {"ehlo", "text"}:
            if self.state == "text":
                self.numbers.latencies.append(time.perf_counter() - self.asked)
            number = next(self.numbers.left, None)
            if number is None:
                self.state = "quit"
                write(b"QUIT\r\n")
                self.done.set_result(None)
            else:
                self.number, self.state = number, "envelope"
                write(self.envelope)


class Numbers:
    def __init__(self, count: int) -> None:
        self.left = iter(range(count))
        self.latencies: list[float] = []


async def run(port: int, recipient: str, connections: int, messages: int, octets: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    envelope = f"MAIL FROM:<bench@peer.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
    numbers = Numbers(messages)
    started = time.perf_counter()
    waiting = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        waiting.append(done)
        await loop.create_connection(lambda done=done: Sender(envelope, numbers, octets, done), "127.0.0.1", port)
    await asyncio.gather(*waiting)
    seconds = time.perf_counter() - started
    times = sorted(numbers.latencies)
    return {
        "messages": messages,
        "seconds": round(seconds, 3),
        "per_second": round(messages / seconds, 1),
        "p50_ms": round(times[len(times) // 2] * 1000, 2),
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 2),
    }


if __name__ == "__main__":
    port, recipient, connections, messages, octets = sys.argv[1:]
    print(json.dumps(uvloop.run(run(int(port), recipient, int(connections), int(messages), int(octets)))))
