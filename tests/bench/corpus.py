"""Messages like a real mailbox's: short and long, HTML, attachments, encoded words, threads. The same every time."""

import random
from base64 import b64encode
from collections.abc import Iterator

WORDS = (
    *("meeting", "invoice", "holiday", "report", "budget", "photo", "garden", "project"),
    *("letter", "music", "kitchen", "winter", "travel", "doctor", "school"),
)
PEOPLE = ("Ann Example", "Ben Muster", "Zoë Ångström", "Chris Person", "Dana Someone", "Elif Yılmaz")


def messages(count: int, seed: int = 7) -> Iterator[bytes]:
    rng = random.Random(seed)
    for number in range(count):
        yield _message(rng, number)


def _message(rng: random.Random, number: int) -> bytes:
    name = rng.choice(PEOPLE)
    subject = " ".join(rng.choices(WORDS, k=rng.randrange(2, 7)))
    answered = rng.randrange(max(1, number - 50), number + 1) if number and rng.random() < 0.5 else None
    fields = [
        f"Return-Path: <person{number % 97}@peer.test>",
        f"Received: from mx.peer.test (mx.peer.test [192.0.2.7]) by mail.example.test with ESMTPS id {number:08x};",
        "\tSat, 21 Nov 2026 10:00:00 +0000",
        f"From: {_phrase(name)} <person{number % 97}@peer.test>",
        "To: Ann <ann@example.test>",
        f"Subject: {_phrase(('Re: ' if answered else '') + subject + (' é' if number % 9 == 0 else ''))}",
        f"Date: {1 + number % 28} Nov 2026 10:{number % 60:02}:00 +0000",
        f"Message-ID: <{number}.corpus@peer.test>",
        *(
            [f"In-Reply-To: <{answered}.corpus@peer.test>", f"References: <{answered}.corpus@peer.test>"]
            if answered
            else []
        ),
        "MIME-Version: 1.0",
    ]
    text = "\r\n".join(" ".join(rng.choices(WORDS, k=11)) for _ in range(rng.randrange(5, 60)))
    if number % 3:
        body = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    else:
        file = b64encode(rng.randbytes(rng.choice((500, 5000, 30000)))).decode()
        lines = "\r\n".join(file[at : at + 76] for at in range(0, len(file), 76))
        body = (
            'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n--=_b\r\nContent-Type: multipart/alternative; '
            'boundary="=_a"\r\n\r\n--=_a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
            f"{text}\r\n--=_a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{text}</p>\r\n--=_a--\r\n--=_b\r\n"
            'Content-Type: application/pdf; name="file.pdf"\r\nContent-Disposition: attachment; filename="file.pdf"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--=_b--\r\n"
        )
    return ("\r\n".join(fields) + "\r\n" + body).encode()


def _phrase(text: str) -> str:
    return text if text.isascii() else f"=?utf-8?b?{b64encode(text.encode()).decode()}?="
