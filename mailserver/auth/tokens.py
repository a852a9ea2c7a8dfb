"""Access tokens of the server: made once, shown once, kept as a hash; bearer tokens and app passwords alike."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.auth.sasl.scram import make_keys, salt_of
from mailserver.store import names, scram_keys, tokens
from mailserver.store.store import Store

PREFIX = "mst_"  # so that people and scanners for leaked secrets know what they see
SECRET_OCTETS = 32
LENGTH = len(PREFIX) + 43  # characters: 32 octets in base64url, without padding


@dataclass(frozen=True, slots=True)
class NewToken:
    address: str
    name: str
    scope: tuple[str, ...] = ()  # protocols; () for all
    expires_at: int | None = None  # epoch milliseconds


def is_token(text: str) -> bool:
    """By its looks; a password somebody chose may look so too."""
    return len(text) == LENGTH and text.startswith(PREFIX)


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def make(store: Store, new: NewToken, random: Callable[[int], bytes]) -> str:
    """The token, which nobody can ever be shown again. Raises what tokens.add raises."""
    token = PREFIX + urlsafe_b64encode(random(SECRET_OCTETS)).rstrip(b"=").decode()
    secret = await store.write(scram_keys.secret, random(SECRET_OCTETS))
    salt = salt_of(secret, "@".join(names.account_address(new.address)))
    keys = await store.in_thread(make_keys, token, salt)
    await store.write(
        tokens.add, new.address, new.name, hash_of(token), keys, scope=new.scope, expires_at=new.expires_at
    )
    return token
