"""Flags of many messages in one statement: the same as one by one, whatever they had before."""

import random

from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mailboxes.service import Mailboxes
from mailserver.store import messages
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

SETS = [FlagSet.of([f"k{number}", *(["\\Seen"] if number % 3 else [])]) for number in range(messages.MAX_SETS + 9)]
CHANGES = (
    (FlagMode.ADD, FlagSet.of(["\\Flagged", "k3"])),
    (FlagMode.REMOVE, FlagSet.of(["\\Seen", "k3", "k5"])),
    (FlagMode.REPLACE, SETS[7]),
)


async def test_more_sets_than_one_pass_takes_change_as_they_would_alone(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    expected = {(await put(flags=flags.names)): flags for flags in SETS}
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    rng = random.Random(3)
    for mode, flags in CHANGES:
        chosen = sorted(rng.sample([*expected], len(expected) - 5))
        effects = {FlagMode.ADD: FlagSet.__or__, FlagMode.REMOVE: FlagSet.__sub__, FlagMode.REPLACE: lambda _, new: new}
        after = expected | {uid: effects[mode](expected[uid], flags) for uid in chosen}
        stored = await service.set_flags(user_id, index, chosen, mode, flags)
        assert stored.changed == [uid for uid in chosen if after[uid] != expected[uid]]
        expected = after
        rows = await store.read(messages.list, index.mailbox.id)
        assert {row.uid: row.flags for row in rows} == expected == dict(zip(index.uids, index.flags, strict=True))
        assert {row.uid: row.modseq for row in rows} == dict(zip(index.uids, index.modseqs, strict=True))


async def test_a_condition_leaves_what_changed_alone(store: Store, service: Mailboxes, user_id: int, put: Put) -> None:
    uids = [await put() for _ in range(6)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    since = index.highestmodseq
    await service.set_flags(user_id, index, uids[2:3], FlagMode.ADD, FlagSet.of(["\\Draft"]))
    stored = await service.set_flags(user_id, index, uids, FlagMode.ADD, FlagSet.of(["\\Seen"]), since)
    assert (stored.failed, stored.changed) == (uids[2:3], [uid for uid in uids if uid != uids[2]])
    assert [flags.text for flags in index.flags] == ["\\Seen", "\\Seen", "\\Draft", "\\Seen", "\\Seen", "\\Seen"]
