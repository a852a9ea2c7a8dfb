"""Database and disk compared in both directions, and brought together on request.

missing-file      a row whose file is gone                       the UID is expunged
unknown-file      a file without a row                           adopted as a new message
changed-flags     a file renamed to other flags                  the row follows
wrong-size        a file with another size than its row          reported only: its octets are not what came
unknown-folder    a Maildir folder that no mailbox has           becomes a mailbox again, its mail adopted
missing-folder    a mailbox without its folder                   made
unknown-content   a row without what is known of its content     scanned again
quota             used_bytes is not the sum of the sizes         set right
counts            a mailbox counts other messages than it has    set right
staged-file       a file in staging/ that no row names           removed (only without a running daemon)
spool-file        a file in spool/ that no queue row names       removed
missing-spool     a queue row whose spool file is gone           reported only
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mailserver.mail.describe import describe
from mailserver.store import contents, mailboxes, messages, quota, reconcile
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.maildir import SUBFOLDERS
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Problem:
    kind: str
    where: str
    what: str
    repaired: bool


async def check(store: Store, *, repair: bool = False, alone: bool = False) -> list[Problem]:
    """`alone`: no other process uses the data folder, so files in staging/ belong to nobody."""
    return [problem async for problem in _problems(store, repair, alone)]


async def _problems(store: Store, repair: bool, alone: bool) -> AsyncIterator[Problem]:
    if alone and repair:
        done = await store.recover()
        if done.discarded:
            yield Problem("staged-file", "staging", f"{done.discarded} files that no message has", True)
    elif alone:
        for name in await store.read(_strangers_in_staging, store):
            yield Problem("staged-file", f"staging/{name}", "no message has this file", False)
    for user_id, maildir in await store.read(_maildirs):
        async for problem in _folders(store, user_id, maildir, repair):
            yield problem
    for mailbox in await store.read(mailboxes.list_all):
        async for problem in _mailbox(store, mailbox, repair):
            yield problem
    async for problem in _quotas(store, repair):
        yield problem
    async for problem in _spool(store, repair):
        yield problem


async def _folders(store: Store, user_id: int, maildir: str, repair: bool) -> AsyncIterator[Problem]:
    known = {mailbox.directory for mailbox in await store.read(mailboxes.list, user_id)}
    root = store.maildir.root / maildir
    found = {entry.name for entry in os.scandir(root) if entry.is_dir()} if root.is_dir() else set()
    for name in sorted(found - known - {*SUBFOLDERS}):
        if not name.startswith(".") or not (root / name / "cur").is_dir():
            continue
        if repair:
            await store.write(_adopt_folder, user_id, name)
        yield Problem("unknown-folder", f"{maildir}/{name}", "no mailbox has this folder", repair)


def _adopt_folder(tx: Tx, user_id: int, directory: str) -> None:
    """A mailbox named like the folder; the folder keeps its name, so nothing moves."""
    name = directory[1:].replace(".", "/")
    while mailboxes.find(tx, user_id, name) is not None:
        name += " (found)"
    mailbox = mailboxes.add(tx, user_id, name)
    tx.run("UPDATE mailboxes SET directory = ? WHERE id = ?", directory, mailbox.id)


async def _mailbox(store: Store, mailbox: Mailbox, repair: bool) -> AsyncIterator[Problem]:
    if not (store.maildir.root / mailbox.folder / "cur").is_dir():
        if repair:
            await store.in_thread(store.maildir.make_folder, mailbox.folder)
        yield Problem("missing-folder", mailbox.folder, f"the folder of {mailbox.name} is not there", repair)
    difference = await reconcile.compare(store, mailbox)
    if difference and repair:
        await reconcile.reconcile(store, mailbox, grace=False)
    for subfolder, name in difference.new:
        yield Problem("unknown-file", f"{mailbox.folder}/{subfolder}/{name}", "no message has this file", repair)
    for uid, key in difference.missing:
        yield Problem("missing-file", f"{mailbox.folder}/cur/{key}", f"the file of message {uid} is gone", repair)
    for uid, had, has in difference.reflagged:
        what = f"message {uid} was renamed from flags {had!r} to {has!r}"
        yield Problem("changed-flags", mailbox.folder, what, repair)
    for uid, is_size, size in await store.read(_wrong_sizes, store, mailbox):
        what = f"the file of message {uid} has {is_size} octets, not {size}"
        yield Problem("wrong-size", mailbox.folder, what, False)
    for uid in await store.read(_without_content, mailbox.id):
        if repair:
            await store.write(_scan_again, store, mailbox.id, uid)
        yield Problem("unknown-content", mailbox.folder, f"message {uid} was never scanned", repair)


async def _quotas(store: Store, repair: bool) -> AsyncIterator[Problem]:
    for user_id, maildir in await store.read(_maildirs):
        difference = await store.read(_drift, user_id)
        miscounted = await store.read(quota.miscounted, user_id)
        if repair and (difference or miscounted):
            await store.write(quota.recount, user_id)
        if difference:
            yield Problem("quota", maildir, f"used_bytes is {difference} octets below the sum of the sizes", repair)
        for directory in miscounted:
            yield Problem("counts", f"{maildir}/{directory}", "its number or octets of messages are wrong", repair)


async def _spool(store: Store, repair: bool) -> AsyncIterator[Problem]:
    named = {
        os.path.basename(row[0])
        for row in await store.read(
            Rx.all, "SELECT message_path FROM outbound_queue WHERE status IN ('pending', 'sending')"
        )
    }
    found = set(os.listdir(store.maildir.spool))
    for name in sorted(found - named):
        if repair:
            (store.maildir.spool / name).unlink(missing_ok=True)
        yield Problem("spool-file", f"spool/{name}", "no queue row names this file", repair)
    for name in sorted(named - found):
        if not (store.maildir.staging / name).exists():
            yield Problem("missing-spool", f"spool/{name}", "a queue row names this file, which is not there", False)


def _maildirs(rx: Rx) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in rx.all("SELECT id, maildir FROM users WHERE maildir IS NOT NULL ORDER BY id")]


def _strangers_in_staging(rx: Rx, store: Store) -> list[str]:
    names = os.listdir(store.maildir.staging)
    return [n for n in names if rx.one("SELECT 1 FROM messages WHERE maildir_key = ?", n) is None]


def _wrong_sizes(rx: Rx, store: Store, mailbox: Mailbox) -> list[tuple[int, int, int]]:
    wrong = []
    for message in messages.list(rx, mailbox.id):
        path = store.maildir.locate(mailbox.folder, message.key, messages.letters(message.flags))
        if path is not None and (size := os.stat(path).st_size) != message.size:
            wrong.append((message.uid, size, message.size))
    return wrong


def _without_content(rx: Rx, mailbox_id: int) -> list[int]:
    rows = rx.all("SELECT uid FROM messages WHERE mailbox_id = ? AND content_id IS NULL ORDER BY uid", mailbox_id)
    return [row[0] for row in rows]


def _scan_again(tx: Tx, store: Store, mailbox_id: int, uid: int) -> None:
    location = messages.locate(tx, mailbox_id, uid)
    if location is None:
        return
    try:
        fd = store.maildir.open(location.folder, location.key, location.letters)
    except FileNotFoundError:
        return
    with os.fdopen(fd, "rb") as file:
        content_id = contents.add(tx, describe(file.read()))
    tx.run("UPDATE messages SET content_id = ? WHERE mailbox_id = ? AND uid = ?", content_id, mailbox_id, uid)


def _drift(rx: Rx, user_id: int) -> int:
    row = rx.one(
        """SELECT (SELECT coalesce(sum(m.size), 0) FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id
               WHERE b.user_id = u.id AND b.is_outbox = 0) - u.used_bytes FROM users u WHERE u.id = ?""",
        user_id,
    )
    return int(row[0]) if row else 0
