"""One login by SCRAM: the same throttle, log and answers as for a password, at the same cost for names nobody has.

A proof may be made with the account's password or with one of its access tokens: all have the account's salt, because
SCRAM names it before the client has shown anything. A client that repeats a wrong password can not be recognised,
each proof is another, but one that still has the account's password before this one can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from mailserver.auth.account import Account
from mailserver.auth.entrance import Claim, Entrance, claim
from mailserver.auth.sasl.scram import nobodys_keys, proves
from mailserver.clock import Clock
from mailserver.errors import AuthenticationFailed
from mailserver.store import scram_keys, tokens
from mailserver.store.database import Rx
from mailserver.store.scram_keys import Kept, ScramKeys
from mailserver.store.store import Store
from mailserver.store.tokens import Token

FORMER = b"former password"


@dataclass(frozen=True, slots=True)
class _Known:
    """What there is to hold a proof against."""

    claim: Claim
    kept: Kept | None
    tokens: tuple[Token, ...]

    def candidates(self) -> Iterator[tuple[ScramKeys, Token | None]]:
        if self.kept is not None:
            yield self.kept.keys, None
        yield from ((token.keys, token) for token in self.tokens)


class ScramLogin:
    """`await ScramLogin.begin(…)`, then `prove`, then `admit`."""

    def __init__(self, store: Store, clock: Clock, entrance: Entrance, nobody: ScramKeys, claimed: Claim) -> None:
        self._store = store
        self._clock = clock
        self._entrance = entrance
        self._nobody = nobody
        self._claim = claimed
        self._proved: tuple[ScramKeys, Token | None] | None = None
        self.salt, self.iterations = nobody.salt, nobody.iterations

    @classmethod
    async def begin(
        cls, store: Store, clock: Clock, entrance: Entrance, secret: bytes, username: str, protocol: str, peer: str
    ) -> "ScramLogin":
        """Raises AuthenticationDelayed."""
        known = await store.read(_known, username, protocol, peer)
        login = cls(store, clock, entrance, nobodys_keys(secret, known.claim.name), known.claim)
        if known.kept is not None:
            login.salt, login.iterations = known.kept.keys.salt, known.kept.keys.iterations
        await entrance.check(known.claim)
        return login

    async def require_itself(self, authzid: str) -> None:
        """Nobody may act as somebody else. Raises AuthenticationFailed."""
        if self._claim.acts_for_another(authzid):
            await self._entrance.refuse(self._claim, "wants to act as somebody else", b"authzid" + authzid.encode())

    async def prove(self, auth_message: bytes, proof: bytes) -> ScramKeys:
        """What is there is looked up anew: the exchange may have taken minutes."""
        known = await self._store.read(_known, self._claim.username, self._claim.protocol, self._claim.peer)
        self._claim = known.claim
        await self._entrance.check(self._claim)  # nothing waits from here to the count: guesses at once see each other
        fitting = [found for found in known.candidates() if self._fits(found[0], auth_message, proof)]
        if not fitting:
            proves(self._nobody.stored_key, auth_message, proof)  # a name nobody has costs as much
            await self._refuse(known, auth_message, proof)
        keys, token = fitting[0]
        fault = self._fault(token)
        if fault is not None:
            await self._entrance.refuse(self._claim, fault, keys.stored_key)
        self._proved = keys, token
        return keys

    async def admit(self) -> Account:
        """What was proved must still let in: the client had a last word to say, and may have taken minutes for it."""
        if self._proved is None:
            raise AuthenticationFailed
        keys, token = self._proved
        known = await self._store.read(_known, self._claim.username, self._claim.protocol, self._claim.peer)
        there = ((now, of.id if of else None) for now, of in known.candidates())
        if (keys, token.id if token else None) not in there or not known.claim.may_log_in or self._fault(token):
            await self._entrance.refuse(self._claim, "changed meanwhile")
        return await self._entrance.admit(known.claim, token)

    async def note(self, reason: str) -> None:
        await self._entrance.note(self._claim, reason)

    def _fits(self, keys: ScramKeys, auth_message: bytes, proof: bytes) -> bool:
        same = (keys.salt, keys.iterations) == (self.salt, self.iterations)
        return proves(keys.stored_key, auth_message, proof) and same

    def _fault(self, token: Token | None) -> str | None:
        """Why keys that fit let nobody in."""
        if not self._claim.may_log_in:
            return self._claim.reason
        return token.fault(self._claim.protocol, _milliseconds(self._clock)) if token else None

    async def _refuse(self, known: _Known, auth_message: bytes, proof: bytes) -> NoReturn:
        former = known.kept.former_key if known.kept else None
        if former is not None and proves(former, auth_message, proof):
            await self._entrance.refuse(self._claim, "former password", FORMER)
        await self._entrance.refuse(self._claim, self._claim.reason, proof)


def _known(rx: Rx, username: str, protocol: str, peer: str) -> _Known:
    claimed = claim(rx, username, protocol, peer)
    if claimed.user is None:
        return _Known(claimed, None, ())
    return _Known(claimed, scram_keys.find(rx, claimed.user.id), tuple(tokens.list_of(rx, claimed.user.id)))


def _milliseconds(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1000)
