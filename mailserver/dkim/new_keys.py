"""New keys of a domain: made, stored, pending until their records are seen in the DNS."""

import re
from collections.abc import Sequence

from mailserver.config.tree import DkimConfig
from mailserver.dkim.keyring import Keyring
from mailserver.dkim.private_keys import Algorithm
from mailserver.errors import BadValue, Refusal, WrongState
from mailserver.store import dkim_keys, domains
from mailserver.store.dkim_keys import DkimKey, Storage
from mailserver.store.store import Store

LATER = "bcdefghijklmnopqrstuvwxyz"  # keys of the same month

_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


async def generate(
    store: Store,
    config: DkimConfig,
    domain: str,
    algorithms: Sequence[Algorithm] = (),
    selector: str | None = None,
    storage: Storage | None = None,
) -> list[DkimKey]:
    """Pending keys of these algorithms, or of those configured.

    Raises NoSuchDomain, AlreadyThere where one of the kind is pending, BadValue, SealBroken.
    """
    if selector is not None and not _SELECTOR.fullmatch(selector):
        raise BadValue(f"A selector is lower case letters, digits and hyphens, not {selector[:80]!a}")
    wanted = list(algorithms) or [Algorithm(each) for each in config.algorithms]
    where = storage or Storage(config.storage)
    return [await _make(store, domain, each, selector, where) for each in wanted]


async def _make(store: Store, domain: str, algorithm: Algorithm, selector: str | None, storage: Storage) -> DkimKey:
    keyring = Keyring(store)
    found = await store.read(domains.get, domain)
    taken = {key.selector for key in await store.read(dkim_keys.list, found.name)}
    selector = selector or _new_selector(algorithm, f"{store.clock.now():%Y%m}", taken)
    made = await store.in_thread(keyring.make, found.name, selector, algorithm, storage)
    try:
        return await store.write(dkim_keys.add, found.name, made)
    except Refusal:
        await store.in_thread(keyring.remove_file, made.key_file)
        raise


def _new_selector(algorithm: Algorithm, month: str, taken: set[str]) -> str:
    """The month says how old a key is: rsa202603, and rsa202603b where one was made in it already."""
    first = f"{algorithm.k.removesuffix('25519')}{month}"
    free = [each for each in (first, *(f"{first}{letter}" for letter in LATER)) if each not in taken]
    if not free:
        raise WrongState(f"No selector is left for {first}: name one")
    return free[0]
