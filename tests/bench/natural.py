"""Messages whose words are spread as a language spreads them (Zipf), with the headers that real mail arrives with.

For the text index: few words stand in every message, most in a handful, and each header brings signatures and ids
that never come again. The same every time.
"""

import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import accumulate

VOCABULARY = 60_000  # distinct words, as in the mail of some years
UNUSUAL, RARE = 3_000, 30_000  # ranks of words to look for
PEOPLE = 400
SYLLABLES = (
    *("ba", "ber", "bo", "ca", "con", "da", "de", "der", "do", "e", "en", "er", "fa", "ge", "gen", "ha", "hei", "in"),
    *("ing", "ka", "ke", "la", "le", "li", "lo", "ma", "men", "mi", "mo", "na", "ne", "no", "o", "pa", "per", "pro"),
    *("ra", "re", "ri", "ro", "sa", "schaft", "se", "si", "so", "sta", "ta", "te", "ter", "ti", "tion", "tra", "tu"),
    *("u", "un", "va", "ver", "vi", "wa", "we", "zu", "ö", "ür"),
)


def words() -> list[str]:
    """By rank, the most frequent first; no two are the same."""
    rng = random.Random(1)
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        long = 1 + len(found) // 200
        found["".join(rng.choices(SYLLABLES, k=rng.randint(1, min(5, 1 + long))))] = None
    return list(found)


def messages(count: int, seed: int = 11) -> Iterator[bytes]:
    """18 kB in the mean, most of it attachments; some 4 kB of text and 4 kB of header."""
    rng = random.Random(seed)
    vocabulary = words()
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))

    def phrase(length: int) -> str:
        return " ".join(rng.choices(vocabulary, cum_weights=weights, k=length))

    for number in range(count):
        yield (_header(rng, number, phrase(rng.randint(2, 8))) + _body(rng, phrase)).encode()


def _header(rng: random.Random, number: int, subject: str) -> str:
    person = int(PEOPLE * rng.random() ** 3)
    host = f"mail{person % 7}.provider{person % 23}.example"
    seal = b64encode(rng.randbytes(256)).decode()
    hashed = b64encode(rng.randbytes(32)).decode()
    return (
        f"Return-Path: <person{person}@firm{person % 61}.example>\r\n"
        f"Received: from {host} ({host} [203.0.113.{person % 250}]) by mail.example.test with ESMTPS id\r\n"
        f"\t{rng.randbytes(6).hex()}; Sat, 21 Nov 2026 10:{number % 60:02}:{number % 59:02} +0000\r\n"
        f"Received: from [10.0.{rng.randrange(256)}.{rng.randrange(256)}] by {host} with ESMTPSA id "
        f"{b64encode(rng.randbytes(12)).decode()};\r\n\tSat, 21 Nov 2026 09:59:{number % 60:02} +0000\r\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=firm{person % 61}.example; s=s1; t={number};\r\n"
        f"\th=From:To:Subject:Date; bh={hashed};\r\n\tb={seal}\r\n"
        f"X-Mailer-Track: {rng.randbytes(40).hex()}\r\n"
        f"From: Person {person} <person{person}@firm{person % 61}.example>\r\n"
        "To: Ann Example <ann@example.test>\r\n"
        f"Subject: =?utf-8?b?{b64encode(subject.encode()).decode()}?=\r\n"
        f"Date: Sat, 21 Nov 2026 09:{number % 60:02}:00 +0000\r\n"
        f"Message-ID: <{rng.randbytes(8).hex()}.{number}@{host}>\r\nMIME-Version: 1.0\r\n"
    )


def _body(rng: random.Random, phrase: "Callable[[int], str]") -> str:
    text = "\r\n".join(phrase(rng.randint(6, 14)) for _ in range(int(rng.lognormvariate(3.5, 1.0)) + 2))
    if rng.random() < 0.5:
        return f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    shown = "".join(f"<p style='margin:0'>{line}</p>\r\n" for line in text.split("\r\n"))
    file = b64encode(rng.randbytes(int(rng.expovariate(1 / 18_000)))).decode()
    lines = "\r\n".join(file[at : at + 76] for at in range(0, len(file), 76))
    return (
        'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n--=_b\r\nContent-Type: multipart/alternative; '
        f'boundary="=_a"\r\n\r\n--=_a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--=_a\r\n'
        f"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{shown}</body></html>\r\n--=_a--\r\n--=_b\r\n"
        'Content-Type: application/pdf; name="report.pdf"\r\nContent-Disposition: attachment\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--=_b--\r\n"
    )
