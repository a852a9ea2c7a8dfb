"""ARC: what servers before us say they saw, in a chain of seals, and our own link of it. RFC 8617.

A chain that passes proves who handled the message, not that they told the truth: whom to trust is for others to decide.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from mailserver.clock import Clock
from mailserver.dkim import chain
from mailserver.dkim.chain import BadChain
from mailserver.dkim.results import ChainResult, ChainStatus
from mailserver.dkim.sign import SigningKey
from mailserver.dkim.verify import InThread, TextResolver, header_fields, look_up


class HasKeys(Protocol):
    """The signer."""

    async def keys(self, domain: str | int) -> tuple[SigningKey, ...]: ...


class Chains:
    def __init__(self, resolver: TextResolver, clock: Clock, in_thread: InThread, signer: HasKeys) -> None:
        self._resolver = resolver
        self._clock = clock
        self._in_thread = in_thread
        self._signer = signer

    async def validate(self, head: bytes, body: Iterable[bytes]) -> ChainResult:
        """What the chain in this header is worth. Never raises for what is in the message. RFC 8617 §5.2.

        `head`: the message as it came, up to its body at least; `body` is read once, in a thread.
        """
        fields = header_fields(head)
        highest = chain.highest_instance(fields)
        try:
            sets = chain.parse(fields)
        except BadChain as fault:
            return ChainResult(ChainStatus.FAIL, str(fault), instance=highest)
        if not sets:
            return ChainResult(ChainStatus.NONE)
        if any(each.seal.cv == b"fail" for each in sets):
            reason = "a server before us found the chain broken"
            return ChainResult(ChainStatus.FAIL, reason, instance=highest, is_final=True)
        names = [sets[-1].message.signer.key_name, *(each.seal.signer.key_name for each in sets)]
        records = await look_up(self._resolver, names)
        status, reason = await self._in_thread(_judge, sets, fields, body, records)
        sealers = tuple([each.seal.signer.domain for each in sets]) if status is ChainStatus.PASS else ()
        return ChainResult(status, reason, sealers, highest)

    async def seal(
        self, domain: str | int, header: bytes, body: Iterable[bytes], results: str, before: ChainResult
    ) -> bytes:
        """The three field lines of our set, for the top of `header`; b"" where we do not seal.

        `header` and `body`: as they leave, signatures of ours included. `results`: the value of our
        Authentication-Results, as results_text.write() makes it; `before`: what validate() said. Not sealed is mail
        of a domain without an active RSA key, mail whose chain ended, has 50 sets or could not be checked now.
        """
        usable = [key for key in await self._signer.keys(domain) if key.key.algorithm == chain.ALGORITHM]
        if not usable or before.is_final or before.status is ChainStatus.TEMPERROR:
            return b""
        if before.instance >= chain.MAX_SETS:
            return b""
        signed_at = int(self._clock.now().timestamp())
        sealed: bytes = await self._in_thread(_seal, usable[0], header, body, results, before, signed_at)
        return sealed


def _judge(*evidence: Any) -> tuple[ChainStatus, str]:
    from mailserver.dkim import sealing  # with all that computes: a server that has nothing to check does without

    return sealing.judge(*evidence)


def _seal(*what: Any) -> bytes:
    from mailserver.dkim import sealing

    return sealing.seal(*what)
