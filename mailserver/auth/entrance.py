"""What all ways to log in share: whose account it is, who has to wait, and the log that tells how it went."""

from dataclasses import dataclass
from typing import NoReturn

from mailserver.auth.account import Account
from mailserver.auth.attempts import Attempts
from mailserver.auth.throttle import Throttle
from mailserver.clock import Clock
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, BadAddress
from mailserver.metrics import Metrics
from mailserver.store import users
from mailserver.store.auth_log import MAX_USERNAME, Attempt
from mailserver.store.database import Rx, text_time
from mailserver.store.tokens import Token
from mailserver.store.users import User

THROTTLED = "throttled"
_RESULTS = {None: "success", THROTTLED: THROTTLED}  # as metrics name them; any other reason: failure


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says it is, and what there is of that."""

    username: str  # as the client wrote it
    name: str  # what is throttled: the account's address, or the unknown name as it would be compared
    user: User | None
    protocol: str
    peer: str

    @property
    def may_log_in(self) -> bool:
        return self.user is not None and self.user.may_log_in

    @property
    def reason(self) -> str:
        """Why a credential that fits nothing is refused."""
        if self.user is None:
            return "unknown user"
        return "wrong password" if self.user.may_log_in else "disabled"

    def acts_for_another(self, authzid: str) -> bool:
        return bool(authzid) and authzid.casefold() not in {self.username.casefold(), self.name}


class Entrance:
    def __init__(self, clock: Clock, throttle: Throttle, attempts: Attempts, metrics: Metrics) -> None:
        self._clock = clock
        self.throttle = throttle
        self._attempts = attempts
        self._metrics = metrics

    async def check(self, claim: Claim) -> None:
        """Raises AuthenticationDelayed while this client has to wait."""
        try:
            self.throttle.check(claim.name, claim.peer)
        except AuthenticationDelayed:
            await self.note(claim, THROTTLED)
            raise

    async def admit(self, claim: Claim, token: Token | None = None) -> Account:
        user = claim.user
        if user is None:
            raise AuthenticationFailed
        self.throttle.succeeded(claim.name, claim.peer)
        await self.note(claim, None, token)
        token_id, ends_ms = (token.id, token.expires_at) if token else (None, None)
        return Account(user.id, user.address, user.display_name, user.is_admin, token_id, user.imap_without, ends_ms)

    async def refuse(self, claim: Claim, reason: str, attempt: bytes | None = None) -> NoReturn:
        """`attempt` stands for what was tried and is counted; None: it was counted already."""
        if attempt is not None:
            self.throttle.failed(claim.name, claim.peer, attempt)
        await self.note(claim, reason)
        raise AuthenticationFailed

    async def note(self, claim: Claim, reason: str | None, token: Token | None = None) -> None:
        """One line of the log; `reason` None: it is in."""
        self._metrics.auth_attempts.labels(_RESULTS.get(reason, "failure"), claim.protocol).inc()
        shown = "".join(c if c.isprintable() else "?" for c in claim.username[:MAX_USERNAME])
        user_id = claim.user.id if claim.user else None
        now = text_time(self._clock.now())
        attempt = Attempt(user_id, shown, claim.peer, claim.protocol, reason is None, reason, now)
        await self._attempts.add(attempt, token.id if token else None)


def claim(rx: Rx, username: str, protocol: str, peer: str) -> Claim:
    """`username`: "ann@example.test" in any case, or "ann" where there is one domain."""
    user = _find(rx, username)
    name = user.address if user else username[:MAX_USERNAME].lower()
    return Claim(username, name, user, protocol, peer)


def claim_of(rx: Rx, user_id: int, protocol: str, peer: str) -> Claim:
    """Of the account itself, for who has proved to be it without a name."""
    user = users.find_by_id(rx, user_id)
    name = user.address if user else ""
    return Claim(name, name, user, protocol, peer)


def _find(rx: Rx, username: str) -> User | None:
    try:
        return users.find(rx, username) if "@" in username else users.find_in_only_domain(rx, username)
    except BadAddress:
        return None
