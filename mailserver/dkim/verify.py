"""Signatures on mail that comes in: each gets its own result, and nothing in a message raises. RFC 6376 §6, RFC 8301.

header → signatures, at most MAX_SIGNATURES → their keys from the DNS, at once → in a thread: the body hashed in
one walk, however many signatures → each judged
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from mailserver.clock import Clock
from mailserver.dkim import tags
from mailserver.dkim.results import DkimResult, SignatureResult
from mailserver.dkim.signature import DkimSignature, RawField, claimed, parse_dkim, shown
from mailserver.dkim.signature_fields import raw_field
from mailserver.dkim.tags import BadTags
from mailserver.dns.answers import Answer, DnsFailure
from mailserver.mail.editing import HeaderBlock

MAX_SIGNATURES = 10  # the topmost; RFC 6376 §8.4
MAX_QUESTIONS = 10  # to the DNS at once: a chain names up to 51 keys

InThread = Callable[..., Awaitable[Any]]
Texts = dict[str, tuple[bytes, ...] | DnsFailure]


class TextResolver(Protocol):
    async def txt(self, name: str) -> Answer[bytes]:
        """Raises DnsFailure."""


class Verifier:
    def __init__(self, resolver: TextResolver, clock: Clock, in_thread: InThread) -> None:
        self._resolver = resolver
        self._clock = clock
        self._in_thread = in_thread

    async def verify(self, head: bytes, body: Iterable[bytes]) -> list[SignatureResult]:
        """One result for each signature, the topmost first; [] for none.

        `head`: the message as it came, up to its body at least; `body` is read once, in a thread.
        """
        fields = header_fields(head)
        signatures = [_parse(field) for field in fields if _is_signature(field)][:MAX_SIGNATURES]
        good = [each for each in signatures if isinstance(each, DkimSignature)]
        if not good:
            return [each for each in signatures if isinstance(each, SignatureResult)]
        records = await look_up(self._resolver, [each.signature.signer.key_name for each in good])
        now = int(self._clock.now().timestamp())
        judged = iter(await self._in_thread(_judge, good, fields, body, records, now))
        return [next(judged) if isinstance(each, DkimSignature) else each for each in signatures]


def header_fields(head: bytes) -> list[RawField]:
    """In message order; lines that are no fields are passed over."""
    return [raw_field(field.line) for field in HeaderBlock.parse(head).fields if field.name]


async def look_up(resolver: TextResolver, names: Iterable[str]) -> Texts:
    """TXT records of each name, some asked at once."""
    turn = asyncio.Semaphore(MAX_QUESTIONS)

    async def ask(name: str) -> tuple[bytes, ...] | DnsFailure:
        async with turn:
            try:
                return (await resolver.txt(name)).records
            except DnsFailure as fault:
                return fault

    wanted = [*dict.fromkeys(names)]
    return dict(zip(wanted, await asyncio.gather(*map(ask, wanted)), strict=True))


def _is_signature(field: RawField) -> bool:
    return field[0].rstrip(b" \t").lower() == b"dkim-signature"


def _parse(field: RawField) -> DkimSignature | SignatureResult:
    found: dict[bytes, bytes] = {}
    try:
        found = tags.parse(field[1])
        return parse_dkim(field)
    except BadTags as fault:
        domain, selector = claimed(found)
        return SignatureResult(DkimResult.PERMERROR, str(fault), domain, selector, signature=shown(found))


def _judge(*evidence: Any) -> list[SignatureResult]:
    from mailserver.dkim import judge  # with all that computes: a server that has nothing to check does without

    return judge.judge_all(*evidence)
