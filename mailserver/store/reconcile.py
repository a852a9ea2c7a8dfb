"""Bring one mailbox and its folder together after other programs changed the folder."""

from dataclasses import dataclass

from mailserver.store import adopt
from mailserver.store.adopt import Difference
from mailserver.store.mailboxes import Mailbox
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Reconciled:
    adopted: int
    removed: int
    reflagged: int


async def stamp(store: Store, mailbox: Mailbox) -> tuple[int, int]:
    """Changes whenever a file of the folder came, went or was renamed, by us or by others."""
    return await store.in_thread(store.maildir.stamp, mailbox.folder)


async def compare(store: Store, mailbox: Mailbox) -> Difference:
    return await store.read(adopt.compare, store.maildir, mailbox)


async def reconcile(store: Store, mailbox: Mailbox, *, grace: bool = True) -> Reconciled:
    """Adopt new files, follow changed flags, expunge rows whose file is gone.

    `grace`: believe that a file is gone only if it still is adopt.GRACE_SECONDS later; without it no other
    process may be writing.
    """
    difference = await compare(store, mailbox)
    if difference.missing and grace:
        await store.clock.sleep(adopt.GRACE_SECONDS)
        again = await compare(store, mailbox)
        missing = tuple(sorted({*difference.missing} & {*again.missing}))
        difference = Difference(again.new, missing, again.reflagged)
    if not difference:
        return Reconciled(0, 0, 0)
    adopted = await _adopt(store, mailbox, difference)
    if difference.missing or difference.reflagged:
        await store.write(adopt.settle_rows, mailbox, difference)
    return Reconciled(adopted, len(difference.missing), len(difference.reflagged))


async def _adopt(store: Store, mailbox: Mailbox, difference: Difference) -> int:
    adopted = 0
    for subfolder, name in difference.new:
        octets = await store.in_thread(adopt.read_new, store.maildir, mailbox, subfolder, name)
        if octets is None:
            continue
        staged = await store.stage_bytes(octets)
        if await store.write(adopt.adopt, mailbox, staged, subfolder, name):
            adopted += 1
        else:
            await store.unstage(staged)
    return adopted
