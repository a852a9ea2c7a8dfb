"""The first start's data: domain, accounts, alias and messages in one transaction, so that it is there or not."""

import secrets
from collections.abc import Sequence

from mailserver.auth.new_passwords import NewPassword, prepare
from mailserver.config.tree import AuthConfig
from mailserver.demo.content import Letter, letters
from mailserver.demo.logins import ALIAS, DOMAIN, NAMES, Login
from mailserver.store import aliases, domains, mailboxes, messages, users
from mailserver.store.database import Rx, Tx
from mailserver.store.staging import Staged
from mailserver.store.store import Store

DISPLAY_NAMES = {f"{name}@{DOMAIN}": shown for name, shown in NAMES.items()}


async def seed(store: Store, logins: Sequence[Login], config: AuthConfig, *, new_passwords: bool) -> None:
    """Do what is not done yet; what somebody changed since the first start stays changed."""
    seeded = await store.read(_is_seeded)
    if seeded and not new_passwords:
        return
    made = {
        login.email: await prepare(store, config, login.email, login.password, secrets.token_bytes) for login in logins
    }
    if seeded:
        await store.write(_set_passwords, made)
        return
    staged = [(letter, await store.stage_bytes(letter.octets)) for letter in letters(store.clock.now())]
    await store.write(_add_all, made, staged)


def _is_seeded(rx: Rx) -> bool:
    return domains.find(rx, DOMAIN) is not None


def _set_passwords(tx: Tx, made: dict[str, NewPassword]) -> None:
    for email, new in made.items():
        if users.find(tx, email) is not None:
            users.set_password(tx, email, new.hash, new.scram)


def _add_all(tx: Tx, made: dict[str, NewPassword], staged: Sequence[tuple[Letter, Staged]]) -> None:
    domains.add(tx, DOMAIN)
    for email, new in made.items():
        is_admin = email.startswith("ann@")
        users.add(tx, email, new.hash, scram=new.scram, display_name=DISPLAY_NAMES[email], is_admin=is_admin)
    aliases.add(tx, ALIAS, list(made))
    for letter, file in staged:
        for name, mailbox, flags in letter.places:
            user = users.get(tx, f"{name}@{DOMAIN}")
            messages.add(tx, mailboxes.get(tx, user.id, mailbox).id, file, flags, letter.received)
