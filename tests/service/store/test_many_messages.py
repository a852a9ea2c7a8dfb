"""Verbs on many messages at once, with holes among the UIDs, against a model of the mailbox."""

import itertools
import random

import pytest

from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.store import mailbox_status, mailboxes, messages
from mailserver.store.mailboxes import Mailbox
from mailserver.store.store import Store

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
MESSAGES = 24
STEPS = 60

Model = dict[int, tuple[frozenset[str], int]]  # uid → (flags, modseq)


async def test_a_random_life_is_that_of_the_model(store: Store, user_id: int) -> None:
    rng = random.Random(7)
    box, archive = [await store.read(mailboxes.get, user_id, name) for name in ("INBOX", "Archive")]
    model: Model = {}
    numbers = itertools.count()
    for step in range(STEPS):
        match rng.choice(("store", "store", "store since", "remove", "copy", "move")) if model else "add":
            case "add":
                await _fill(store, box, rng, model)
            case "store":
                await _store(store, box, rng, model, None)
            case "store since":
                await _store(store, box, rng, model, rng.choice([modseq for _, modseq in model.values()]))
            case "remove":
                await _remove(store, box, rng, model)
            case "copy":
                new_keys = [f"{step}.{next(numbers)}" for _ in model]
                await _copy(store, box, archive, rng.sample(sorted(model), rng.randint(1, len(model))), new_keys)
            case "move":
                await _move(store, box, archive, rng, model)
        assert await _now(store, box) == model
        assert await _counts(store, box) == len(model)


async def _fill(store: Store, box: Mailbox, rng: random.Random, model: Model) -> None:
    for number in range(MESSAGES):
        staged = await store.stage_bytes(b"Subject: %d\r\n\r\n" % number)
        flags = FlagSet.of(rng.sample(FLAGS, rng.randint(0, 3)))
        added = await store.write(messages.add, box.id, staged, flags, 1_700_000_000 + number)
        model[added.uid] = (frozenset(added.flags.names), added.modseq)


async def _store(store: Store, box: Mailbox, rng: random.Random, model: Model, since: int | None) -> None:
    uids = sorted(rng.sample([*model, 9_999], rng.randint(1, len(model))))
    mode, named = rng.choice([*FlagMode]), frozenset(rng.sample(FLAGS, rng.randint(0, 2)))
    done = await store.write(messages.set_flags, box.id, uids, mode, FlagSet.of(named), since)
    there = [uid for uid in uids if uid in model]
    failed = tuple(uid for uid in there if since is not None and model[uid][1] > since)
    after = {uid: _after(model[uid][0], mode, named) for uid in there if uid not in failed}
    changed = {uid: now for uid, now in after.items() if now != model[uid][0]}
    assert done.failed == failed
    assert [(uid, frozenset(now.names)) for uid, now in done.changed] == [*changed.items()]
    model.update({uid: (now, done.modseq) for uid, now in changed.items()})


async def _remove(store: Store, box: Mailbox, rng: random.Random, model: Model) -> None:
    before = max(modseq for _, modseq in model.values())
    uids = sorted(rng.sample([*model], rng.randint(1, max(1, len(model) // 3))))
    assert await store.write(messages.remove, box.id, uids) == uids
    assert set(uids) <= set(await store.read(messages.list_vanished, box.id, before))
    for uid in uids:
        del model[uid]


async def _copy(store: Store, box: Mailbox, target: Mailbox, chosen: list[int], new_keys: list[str]) -> None:
    uids = sorted(chosen)
    uidnext = (await store.read(mailboxes.get_by_id, target.id)).uidnext
    pairs = await store.write(messages.copy, box.id, uids, target.id, new_keys)
    assert pairs == [*zip(uids, range(uidnext, uidnext + len(uids)), strict=True)]
    old = {each.uid: each for each in await store.read(messages.list, box.id)}
    new = {each.uid: each for each in await store.read(messages.list, target.id)}
    store.maildir.catch_up()
    for (was, now), key in zip(pairs, new_keys, strict=False):
        copied, source = new[now], old[was]
        assert (copied.key, copied.flags, copied.size) == (key, source.flags, source.size)
        assert (copied.internal_date, copied.content_id) == (source.internal_date, source.content_id)
        assert store.maildir.locate(target.folder, key, messages.letters(copied.flags)) is not None


async def _move(store: Store, box: Mailbox, target: Mailbox, rng: random.Random, model: Model) -> None:
    uids = sorted(rng.sample([*model], rng.randint(1, max(1, len(model) // 3))))
    keys = {each.uid: each.key for each in await store.read(messages.list, box.id)}
    pairs = await store.write(messages.move, box.id, uids, target.id)
    new = {each.uid: each.key for each in await store.read(messages.list, target.id)}
    assert [was for was, _ in pairs] == uids
    assert [new[now] for _, now in pairs] == [keys[uid] for uid in uids]
    for uid in uids:
        del model[uid]


def _after(had: frozenset[str], mode: FlagMode, named: frozenset[str]) -> frozenset[str]:
    return {FlagMode.ADD: had | named, FlagMode.REMOVE: had - named, FlagMode.REPLACE: named}[mode]


async def _now(store: Store, box: Mailbox) -> Model:
    return {each.uid: (frozenset(each.flags.names), each.modseq) for each in await store.read(messages.list, box.id)}


async def _counts(store: Store, box: Mailbox) -> int:
    return (await store.read(mailbox_status.list, box.user_id, [box.name]))[box.name].messages


@pytest.mark.parametrize("mode", [*FlagMode])
async def test_flags_of_an_empty_mailbox_are_no_change(store: Store, user_id: int, mode: FlagMode) -> None:
    box = await store.read(mailboxes.get, user_id, "INBOX")
    done = await store.write(messages.set_flags, box.id, [1, 2, 3], mode, FlagSet.of(["\\Seen"]))
    assert (done.changed, done.failed, done.modseq) == ((), (), 0)
