"""What can be said of where a message comes from, before it is sent on: SPF, DKIM, ARC and the author's policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.delivery import dmarc, spf
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.dmarc import DmarcPolicy, Wish
from mailserver.delivery.spf import SpfResult
from mailserver.dkim.results import ChainResult, DkimResult, SignatureResult
from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.mail import via
from mailserver.mail.transaction import Peer
from mailserver.text import domain_name


class Verifier(Protocol):
    async def verify(self, head: bytes, body: Iterable[bytes]) -> Sequence[SignatureResult]: ...


class Chains(Protocol):
    async def validate(self, head: bytes, body: Iterable[bytes]) -> ChainResult: ...

    async def seal(
        self, domain: str, header: bytes, body: Iterable[bytes], results: str, before: ChainResult
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """Only what was really checked."""

    spf: SpfResult
    signatures: tuple[SignatureResult, ...]
    chain: ChainResult
    policy: DmarcPolicy | None  # of the domain in From; None: nobody could say, or From is not one address

    @property
    def needs_new_from(self) -> bool:
        """The author wants mail refused that is not provably its own, and forwarding leaves no proof."""
        if self.policy is None or self.policy.wish is Wish.NONE:
            return False
        return not any(
            each.result is DkimResult.PASS and self.policy.covers(each.domain.lower()) for each in self.signatures
        )

    def as_results(self, hostname: str, peer: Peer, reverse_path: str) -> str:
        """The value of an Authentication-Results field of ours, RFC 8601."""
        about = {"smtp_mailfrom": reverse_path} if reverse_path else {"smtp_helo": peer.helo}
        import authres  # 10 ms, once

        from mailserver.dkim import results_text

        checked = authres.SPFAuthenticationResult(result=self.spf.value, **about)
        return results_text.write(hostname, self.signatures, self.chain, [checked])


class Examiner:
    def __init__(self, resolver: Resolver, verifier: Verifier, chains: Chains) -> None:
        self._resolver = resolver
        self._verifier = verifier
        self.chains = chains

    async def spf(self, peer: Peer, reverse_path: str) -> SpfResult:
        return await spf.check(self._resolver, peer.address, reverse_path, peer.helo)

    async def examine(self, arriving: Arriving) -> Evidence:
        """The message as it came."""
        incoming, body_at = arriving.incoming, arriving.header.octets
        head = incoming.head(body_at)
        signatures = await self._verifier.verify(head, incoming.pieces(body_at))
        chain = await self.chains.validate(head, incoming.pieces(body_at))
        sender = await self.spf(arriving.envelope.peer, arriving.envelope.reverse_path)
        return Evidence(sender, tuple(signatures), chain, await self._policy(arriving))

    async def _policy(self, arriving: Arriving) -> DmarcPolicy | None:
        authors = via.authors(arriving.header)
        try:
            domains = {domain_name(each.domain.decode("utf-8", "replace")) for each in authors}
            return await dmarc.policy_of(self._resolver, domains.pop()) if len(domains) == 1 else None
        except (DnsFailure, ValueError):
            return None
