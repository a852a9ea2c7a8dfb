"""Sessions end when their account may not be logged in any more, whoever said so."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from mailserver.auth.live_sessions import LiveSessions
from mailserver.store import domains, users
from mailserver.store.events import ForeignCommit
from mailserver.store.store import Store

ANN, BOB = "ann@example.test", "bob@example.test"


@pytest.fixture
async def live(store: Store) -> AsyncIterator[LiveSessions]:
    await store.write(domains.add, "example.test")
    for address in (ANN, BOB):
        await store.write(users.add, address, "$argon2id$unused")
    live = LiveSessions(store)
    yield live
    await live.close()


async def settled(live: LiveSessions) -> None:
    while live._looking is not None:
        await live._looking


async def test_disabling_a_user_ends_its_sessions_and_no_others(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    for address in (ANN, ANN, BOB):
        live.add((await store.read(users.get, address)).id, lambda address=address: closed.append(address))
    await settled(live)
    assert closed == []
    await store.write(users.set_quota, ANN, 5)
    await settled(live)
    assert closed == []
    await store.write(users.set_active, ANN, False)
    await settled(live)
    assert closed == [ANN, ANN]
    assert len(live) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: domains.set_active(tx, "example.test", False),
        lambda tx: domains.remove(tx, "example.test"),
        lambda tx: users.remove(tx, ANN),
    ],
)
async def test_it_ends_with_the_domain_or_the_account(
    store: Store, live: LiveSessions, change: Callable[..., None]
) -> None:
    closed: list[str] = []
    live.add((await store.read(users.get, ANN)).id, lambda: closed.append(ANN))
    await store.write(change)
    await settled(live)
    assert closed == [ANN]


async def test_a_change_by_another_process_is_looked_at(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    ann = await store.read(users.get, ANN)
    live.add(ann.id, lambda: closed.append(ANN))
    await settled(live)
    await store.write(lambda tx: tx.run("UPDATE users SET is_active = 0 WHERE id = ?", ann.id))  # tells nobody
    await settled(live)
    assert closed == []
    store._database.publish(ForeignCommit())
    await settled(live)
    assert closed == [ANN]


async def test_a_session_that_comes_too_late_ends_at_once(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    ann = await store.read(users.get, ANN)
    await store.write(users.set_active, ANN, False)
    live.add(ann.id, lambda: closed.append(ANN))
    await settled(live)
    assert closed == [ANN]


async def test_a_new_password_ends_what_began_with_the_old_one(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    ann = await store.read(users.get, ANN)
    live.add(ann.id, lambda: closed.append("old"))
    await settled(live)
    await store.write(users.replace_hash, ann.id, ann.password_hash, "$argon2id$anew")  # the same password
    await store.write(users.set_display_name, ANN, "Ann")
    await settled(live)
    assert closed == []
    await store.write(users.set_password, ANN, "$argon2id$another")
    await settled(live)
    live.add(ann.id, lambda: closed.append("new"))
    await settled(live)
    assert closed == ["old"]
    assert len(live) == 1


async def test_a_session_taken_out_is_left_alone(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    remove = live.add((await store.read(users.get, ANN)).id, lambda: closed.append(ANN))
    remove()
    remove()
    await store.write(users.set_active, ANN, False)
    await settled(live)
    assert closed == []
    assert len(live) == 0


async def test_one_session_that_can_not_be_closed_does_not_keep_the_others(store: Store, live: LiveSessions) -> None:
    closed: list[str] = []
    ann = await store.read(users.get, ANN)

    def broken() -> None:
        raise RuntimeError("this session is broken")

    live.add(ann.id, broken)
    live.add(ann.id, lambda: closed.append(ANN))
    await store.write(users.set_active, ANN, False)
    await settled(live)
    await asyncio.sleep(0)
    assert closed == [ANN]
