"""Messages, keys and the zone they stand in, for the tests of signatures and chains."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailserver.dkim.private_keys import Algorithm, PrivateKey, RsaKey, generate
from mailserver.dns.answers import Answer, DnsFailure
from tests.fakes import FakeClock

RSA = generate(Algorithm.RSA_2048)
OTHER_RSA = generate(Algorithm.RSA_2048)
ED25519 = generate(Algorithm.ED25519)
SHORT_PEM = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBygIBAAJhAM0Hqddx6cMISlPOckjR6/EH47siToX+f9TiPRccYlxxxSEyauFO
qEbDwSqyi7iH/S9Q8FTR3ICGLA8S9SYwRDMb2v0plgR/gLSnH8anPD2AiYtyD+mB
FX8km4SwDbbFOwIDAQABAmB4LgjJJ5V9Y8ulqjplIt9pLlW3qFlcw5wMnfxvIo0p
YOrLFbF+lcufhzkgHP43UUXzp4hqXkKzkhQG7+TNI/MdJgNZ4hC4ycKXYp99iPr7
KNhSCcBqH1f27eDYIPNmu5kCMQDpekX/1c7SeTXbiG0pUhD8U8wKsRKA/12+WVky
C2YRNaPMiSmk+CFZF2VNfm1gHJ0CMQDgzt/l+8J/PmRKo6nC0agWclQbhMPQ8nML
D5nPbeXVJ4jjs5qch2TL0IfDgc+8RbcCMGK+IL6raTYgp0N6dlhkaeSdeA0JiH7g
AYCQfyWoJnmeyvClDeTEQC5Ss7hLgOyGDQIxAL8UF4rLao3s4iHu6iQFP/GUS5j4
R9gZu17za7C7oFaEu/2OcyQIkMwL+tlaRM+qEQIwd4GZRUnuGRzyMi2TezOVcUV5
l7Dm4/tswN/GEmIye8TmuH71J3ma1nfhmcPTZp8J
-----END RSA PRIVATE KEY-----
"""  # 768 bits: nobody makes them any more
SHORT = RsaKey(cast(RSAPrivateKey, load_pem_private_key(SHORT_PEM, None)))

NOW = 1_772_366_400  # FakeClock's start, 2026-03-01 12:00
HEADER = (
    b"From: Ann <ann@example.test>\r\nTo: bob@far.example\r\nSubject: hello\r\n"
    b"Date: Sun, 01 Mar 2026 11:59:00 +0000\r\nMessage-ID: <1@example.test>\r\n"
)
BODY = b"Hello there.\r\n\r\nBye\r\n"

Records = Mapping[str, bytes | list[bytes] | None]  # None: the DNS fails


class Texts:
    """TXT records of a few names; notes what it was asked."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.asked: list[str] = []

    async def txt(self, name: str) -> Answer[bytes]:
        self.asked.append(name)
        found = self._records.get(name, [])
        if found is None:
            raise DnsFailure("SERVFAIL")
        records = tuple(found) if isinstance(found, list) else (found,)
        return Answer(records, bool(records), False, name)


async def here(fn: Callable[..., Any], *args: Any) -> Any:
    """Instead of a thread."""
    return fn(*args)


def clock() -> FakeClock:
    return FakeClock(datetime.fromtimestamp(NOW, UTC))


def record(key: PrivateKey, more: str = "") -> bytes:
    kind = "ed25519" if key.algorithm.startswith(b"ed") else "rsa"
    return f"v=DKIM1; k={kind}; {more}p={key.public()}".encode()
