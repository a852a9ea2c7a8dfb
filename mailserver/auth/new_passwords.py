"""A password somebody chose, as everything that is kept of it."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.auth.passwords import Hasher
from mailserver.auth.sasl.scram import make_keys, salt_of
from mailserver.config.tree import AuthConfig
from mailserver.store import names, scram_keys
from mailserver.store.scram_keys import ScramKeys
from mailserver.store.store import Store

SECRET_OCTETS = 32


@dataclass(frozen=True, slots=True)
class NewPassword:
    hash: str  # argon2id, PHC string
    scram: ScramKeys | None  # None where the configuration wants none


async def prepare(
    store: Store, config: AuthConfig, address: str, password: str, random: Callable[[int], bytes]
) -> NewPassword:
    """Raises BadValue for a password that is too short or too long, BadAddress."""
    hashed = await store.in_thread(Hasher(config).hash_new, password)
    if not config.scram:
        return NewPassword(hashed, None)
    secret = await store.write(scram_keys.secret, random(SECRET_OCTETS))
    salt = salt_of(secret, "@".join(names.account_address(address)))
    return NewPassword(hashed, await store.in_thread(make_keys, password, salt))
