"""Users: accounts with a password, a quota and a Maildir. Deletion can be taken back until the purge."""

import builtins
import json
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.errors import AlreadyThere, BadValue, NoSuchDomain, NoSuchUser
from mailserver.store import collections, disk_jobs, mailboxes, names, queue_orders, quota, scram_keys, submissions
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.events import AccountsChanged
from mailserver.store.scram_keys import ScramKeys

DEFAULT_QUOTA_BYTES = 1_073_741_824
MAX_QUOTA_BYTES = 2**63 - 1
MAX_QUOTA_MESSAGES = 2**32 - 1  # more than UIDs of one mailbox
MAX_DISPLAY_NAME = 200  # characters
SENT_COPIES = ("off", "on", "dedupe", None)
ACCOUNT_GONE = "the account that sent it was removed"  # why its mail in the queue was given up
ACCOUNT_DISABLED = "account {} is disabled; enabling it releases this"  # why its scheduled mail is held
ACCOUNT_DELETED = "account {} was deleted; restoring it releases this"  # why its scheduled mail is held


@dataclass(frozen=True, slots=True)
class User:
    id: int
    domain_id: int
    username: str  # local part, lower case, NFC; of a deleted user the name it had
    domain: str  # A-label; as it is called now, "name:id" where the domain is deleted
    password_hash: str  # PHC string
    display_name: str  # "" where none
    quota_bytes: int  # 0: no limit
    used_bytes: int
    is_admin: bool
    is_active: bool  # the user's own switch; see may_log_in
    may_log_in: bool  # neither the user nor the domain is disabled or deleted
    maildir: str  # below data/mail
    created_at: str
    deleted_at: int | None  # epoch milliseconds
    imap_without: tuple[str, ...] = ()  # capabilities its clients are not told of, upper case

    @property
    def address(self) -> str:
        return f"{self.username}@{self.domain}"


_SELECT = """SELECT u.id, u.domain_id, u.username, d.name, u.password_hash, coalesce(u.display_name, ''),
    coalesce(u.quota_bytes, 0), coalesce(u.used_bytes, 0), u.is_admin IS TRUE, u.is_active IS TRUE,
    u.is_active IS TRUE AND d.is_active IS TRUE AND u.deleted_at IS NULL AND d.deleted_at IS NULL,
    u.maildir, u.created_at, u.deleted_at, u.imap_without
    FROM users u JOIN domains d ON d.id = u.domain_id"""
_HERE = "u.deleted_at IS NULL AND d.deleted_at IS NULL"


def get(rx: Rx, address: str) -> User:
    user = find(rx, address)
    if user is None:
        raise NoSuchUser(f"No such user: {address}")
    return user


def find(rx: Rx, address: str) -> User | None:
    username, domain = names.account_address(address)
    row = rx.one(f"{_SELECT} WHERE d.name = ? AND u.username = ? AND {_HERE}", domain, username)
    return _user(row) if row else None


def find_by_id(rx: Rx, user_id: int) -> User | None:
    row = rx.one(f"{_SELECT} WHERE u.id = ? AND {_HERE}", user_id)
    return _user(row) if row else None


def get_by_id(rx: Rx, user_id: int) -> User:
    user = find_by_id(rx, user_id)
    if user is None:
        raise NoSuchUser
    return user


def administrator(rx: Rx, user_id: int) -> str | None:
    """The address to ask: the first administrator, of the user's own domain if it has one."""
    row = rx.one(
        f"""SELECT u.username || '@' || d.name FROM users u JOIN domains d ON d.id = u.domain_id
            WHERE u.is_admin IS TRUE AND u.is_active IS TRUE AND {_HERE}
            ORDER BY u.domain_id = (SELECT domain_id FROM users WHERE id = ?) DESC, u.id LIMIT 1""",
        user_id,
    )
    return row[0] if row else None


def find_in_only_domain(rx: Rx, username: str) -> User | None:
    """By local part alone, where there is one domain only."""
    if rx.one("SELECT count(*) FROM domains WHERE deleted_at IS NULL") != (1,):
        return None
    row = rx.one(f"{_SELECT} WHERE u.username = ? AND {_HERE}", names.account(username))
    return _user(row) if row else None


def list(rx: Rx, domain: str | None = None, *, deleted: bool = False) -> builtins.list[User]:
    """By address; `deleted` gives those instead that can be restored."""
    wanted = "u.deleted_at IS NOT NULL AND d.deleted_at IS NULL" if deleted else _HERE
    named = names.domain(domain) if domain is not None else None
    rows = rx.all(f"{_SELECT} WHERE {wanted} AND (d.name = ?1 OR ?1 IS NULL) ORDER BY d.name, u.username", named)
    return [_user(row) for row in rows]


def list_epochs(rx: Rx, ids: frozenset[int]) -> dict[int, int]:
    """How many times each was given a new password; who may not be logged in (any more) is left out."""
    rows = rx.all(
        """SELECT u.id, u.password_epoch FROM users u JOIN domains d ON d.id = u.domain_id
           WHERE u.id IN (SELECT value FROM json_each(?)) AND u.is_active IS TRUE AND d.is_active IS TRUE
           AND u.deleted_at IS NULL AND d.deleted_at IS NULL""",
        json.dumps(sorted(ids)),
    )
    return {row[0]: row[1] for row in rows}


def add(
    tx: Tx,
    address: str,
    password_hash: str,
    *,
    scram: ScramKeys | None = None,
    display_name: str = "",
    quota_bytes: int = DEFAULT_QUOTA_BYTES,
    quota_messages: int = 0,
    is_admin: bool = False,
) -> User:
    """A user with the default mailboxes, calendars and address book.

    Raises NoSuchDomain, AlreadyThere, BadAddress, BadValue.

    `scram`: the same password's; without them SCRAM is not offered until its first login with the password.
    """
    username, domain = names.account_address(address)
    row = tx.one("SELECT id FROM domains WHERE name = ? AND deleted_at IS NULL", domain)
    if row is None:
        raise NoSuchDomain(f"No such domain: {domain}; add it first")
    if find(tx, address) is not None:
        raise AlreadyThere(f"The user {username}@{domain} exists")
    user_id = tx.insert(
        """INSERT INTO users (domain_id, username, password_hash, display_name, quota_bytes, is_admin, created_at,
               updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        row[0],
        username,
        password_hash,
        _display_name(display_name) or None,
        _quota(quota_bytes),
        int(is_admin),
        tx.now,
        tx.now,
    )
    tx.run("UPDATE users SET maildir = ? WHERE id = ?", _free_maildir(tx, user_id, username, domain), user_id)
    set_quota_messages(tx, address, quota_messages)
    mailboxes.add_defaults(tx, user_id)
    collections.add_defaults(tx, user_id)
    if scram is not None:
        scram_keys.put(tx, user_id, scram)
    tx.tell(AccountsChanged())
    return get(tx, address)


def set_password(tx: Tx, address: str, password_hash: str, scram: ScramKeys | None = None) -> None:
    """Credentials verified before are forgotten with the hash they were verified against; open sessions end."""
    user = get(tx, address)
    tx.run("UPDATE users SET password_epoch = password_epoch + 1 WHERE id = ?", user.id)
    if scram is not None:
        scram_keys.put(tx, user.id, scram)
    _set(tx, user, "password_hash", password_hash)


def replace_hash(tx: Tx, user_id: int, old: str, new: str) -> None:
    """The same password hashed anew; nothing where it was changed meanwhile."""
    tx.run(
        "UPDATE users SET password_hash = ?, updated_at = ? WHERE id = ? AND password_hash = ?",
        new,
        tx.now,
        user_id,
        old,
    )


def set_active(tx: Tx, address: str, active: bool) -> None:
    """What a disabled account scheduled is held, and released when it is enabled: it writes to nobody meanwhile."""
    user = get(tx, address)
    _set(tx, user, "is_active", int(active))
    reason = ACCOUNT_DISABLED.format(user.id)
    if active:
        queue_orders.bring_back(tx, reason)
    else:
        queue_orders.set_aside_user(tx, user.id, reason)


def set_admin(tx: Tx, address: str, admin: bool) -> None:
    _set(tx, get(tx, address), "is_admin", int(admin))


def set_quota(tx: Tx, address: str, quota_bytes: int) -> None:
    """0 is no limit. A mailbox that is fuller already takes no more mail, and loses none."""
    _set(tx, get(tx, address), "quota_bytes", _quota(quota_bytes))


def set_quota_messages(tx: Tx, address: str, messages: int) -> None:
    """0 is no limit; as set_quota."""
    if not 0 <= messages <= MAX_QUOTA_MESSAGES:
        raise BadValue(f"The limit is 0 (none) to {MAX_QUOTA_MESSAGES} messages, not {messages}")
    _set(tx, get(tx, address), "quota_messages", messages)


def set_display_name(tx: Tx, address: str, display_name: str) -> None:
    _set(tx, get(tx, address), "display_name", _display_name(display_name) or None)


def set_imap_without(tx: Tx, address: str, capabilities: Iterable[str]) -> None:
    """Capabilities the account's clients are not told of from their next login on."""
    _set(tx, get(tx, address), "imap_without", " ".join(sorted({name.upper() for name in capabilities})))


def set_sent_copies(tx: Tx, address: str, choice: str | None) -> None:
    """ "off", "on" or "dedupe"; None: what the configuration says."""
    if choice not in SENT_COPIES:
        raise BadValue(f"Copies in Sent are off, on or dedupe, not {str(choice)[:20]!a}")
    _set(tx, get(tx, address), "sent_copies", choice)


def set_submissions_per_hour(tx: Tx, address: str, recipients: int | None) -> None:
    """0: no limit; None: what the configuration says."""
    _set(tx, get(tx, address), "submissions_per_hour", submissions.checked(recipients))


def recount(tx: Tx, address: str) -> int:
    """Count the room the user's messages take; returns the difference found, which ought to be 0."""
    return quota.recount(tx, get(tx, address).id)


def remove(tx: Tx, address: str) -> None:
    user = get(tx, address)
    tx.run(
        "UPDATE users SET username = ?, deleted_at = ?, updated_at = ? WHERE id = ?",
        names.deleted(user.username, user.id),
        tx.now_ms,
        tx.now,
        user.id,
    )
    queue_orders.set_aside_user(tx, user.id, ACCOUNT_DELETED.format(user.id))
    tx.tell(AccountsChanged())


def restore(tx: Tx, address: str) -> User:
    """Bring back the one deleted last. Raises NoSuchUser, or AlreadyThere where the name was given again."""
    username, domain = names.account_address(address)
    row = tx.one(
        f"""{_SELECT} WHERE d.name = ? AND d.deleted_at IS NULL AND u.username = ? || ':' || u.id
            AND u.deleted_at IS NOT NULL ORDER BY u.deleted_at DESC, u.id DESC""",
        domain,
        username,
    )
    if row is None:
        raise NoSuchUser(f"No deleted user of this name: {address}")
    if find(tx, address) is not None:
        raise AlreadyThere(f"The user {address} exists: delete it before restoring the older one")
    tx.run("UPDATE users SET username = ?, deleted_at = NULL, updated_at = ? WHERE id = ?", username, tx.now, row[0])
    queue_orders.bring_back(tx, ACCOUNT_DELETED.format(row[0]))
    tx.tell(AccountsChanged())
    return get(tx, address)


def purge(tx: Tx, before_ms: int) -> int:
    """Remove for good, with all their mail, users that were deleted before this moment; returns how many."""
    return _purge(tx, "deleted_at < ?", before_ms)


def purge_domain(tx: Tx, domain_id: int) -> int:
    """All users of a domain that is about to go."""
    return _purge(tx, "domain_id = ?", domain_id)


def _purge(tx: Tx, which: str, value: int) -> int:
    doomed = tx.all(f"SELECT id, maildir FROM users WHERE {which}", value)
    for user_id, maildir in doomed:
        queue_orders.abandon_user(tx, user_id, ACCOUNT_GONE)
        # Messages first: the triggers on them look for the mailbox and its owner.
        tx.run("DELETE FROM messages WHERE mailbox_id IN (SELECT id FROM mailboxes WHERE user_id = ?)", user_id)
        tx.run("DELETE FROM users WHERE id = ?", user_id)
        if maildir:
            tx.promise(disk_jobs.RemoveFolder(maildir))
    if doomed:
        tx.tell(AccountsChanged())
    return len(doomed)


def _set(tx: Tx, user: User, column: str, value: int | str | None) -> None:
    tx.run(f"UPDATE users SET {column} = ?, updated_at = ? WHERE id = ?", value, tx.now, user.id)
    tx.tell(AccountsChanged())


def _free_maildir(tx: Tx, user_id: int, username: str, domain: str) -> str:
    """The usual folder, unless a deleted user of that name still has it or its removal may be done once more."""
    usual = names.maildir(username, domain)
    taken = (
        tx.one("SELECT 1 FROM users WHERE maildir = ?", usual) is not None
        or any(job == disk_jobs.RemoveFolder(usual) for _, job in disk_jobs.list(tx))
        or (tx.files.root / usual).exists()
    )
    return f"{usual}~{user_id}" if taken else usual  # "~" is in no encoded name


def _quota(quota_bytes: int) -> int:
    if not 0 <= quota_bytes <= MAX_QUOTA_BYTES:
        raise BadValue(f"The quota is 0 (no limit) to {MAX_QUOTA_BYTES} octets, not {quota_bytes}")
    return quota_bytes


def _display_name(name: str) -> str:
    name = name.strip()
    if len(name) > MAX_DISPLAY_NAME or not name.isprintable():
        raise BadValue(f"A display name is one line of at most {MAX_DISPLAY_NAME} characters")
    return name


def _user(row: Row) -> User:
    (user_id, domain_id, username, domain, password_hash, display_name, quota_bytes, used_bytes, is_admin, is_active,
     may_log_in, maildir, created_at, deleted_at, imap_without) = row  # fmt: skip
    return User(
        user_id,
        domain_id,
        names.undeleted(username, user_id) if deleted_at else username,
        domain,
        password_hash,
        display_name,
        quota_bytes,
        used_bytes,
        bool(is_admin),
        bool(is_active),
        bool(may_log_in),
        maildir,
        created_at,
        deleted_at,
        tuple(imap_without.split()),
    )
