"""sync-collection: whatever happened between, and however small the pieces, a client ends with what is there."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.config.tree import DavConfig, StoreConfig
from mailserver.errors import BadSyncToken, Refusal
from mailserver.groupware.collections import Collections
from mailserver.groupware.members import MemberPath, Members
from mailserver.groupware.sync import Sync, SyncPoint, complete
from mailserver.groupware.wanted import CollectionChanges
from mailserver.store import domains, removed, users
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.plain import ACCEPT, thing

CALENDARS = Family.CALENDARS
SLUGS = ("calendar", "tasks")


@dataclass
class Client:
    """Believes what it is told; forgets everything when its token is refused."""

    sync: Sync
    user_id: int
    slug: str
    point: SyncPoint | None = None
    etags: dict[str, str] = field(default_factory=dict)
    restarts: int = 0

    async def step(self, limit: int) -> bool:
        """One request; True: there is more."""
        try:
            changes = await self.sync.changes(self.user_id, CALENDARS, self.slug, self.point, limit)
        except BadSyncToken:
            self.point, self.etags = None, {}
            self.restarts += 1
            return True
        assert len(changes.members) + len(changes.removed) <= limit
        for href in changes.removed:
            self.etags.pop(href, None)
        self.etags |= {member.href: member.etag for member in changes.members}
        self.point = SyncPoint.parse(changes.point.text)
        return changes.truncated


HREFS = st.sampled_from("abcdef")
SLUG = st.sampled_from(SLUGS)
STEPS = st.one_of(
    st.tuples(st.just("put"), SLUG, HREFS, st.integers(0, 3)),
    st.tuples(st.just("remove"), SLUG, HREFS),
    st.tuples(st.just("move"), SLUG, HREFS, SLUG, HREFS),
    st.tuples(st.just("copy"), SLUG, HREFS, SLUG, HREFS),
    st.tuples(st.just("rename"), SLUG),
    st.tuples(st.just("forget")),
    st.tuples(st.just("sync"), st.integers(0, 1), st.integers(1, 4)),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_client_ends_with_what_is_there(prepared: Path, steps: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(_play(copytree(prepared, Path(folder) / "data"), steps))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with ann in it: made once, because migrating takes longer than an example."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    asyncio.run(_prepare(folder))
    return folder


async def _prepare(folder: Path) -> None:
    async with await Store.open(folder, FakeClock(), config=StoreConfig(min_free_bytes=0)) as store:
        await store.write(domains.add, "example.test")
        await store.write(users.add, "ann@example.test", "$argon2id$unused")


async def _play(folder: Path, steps: list[tuple[object, ...]]) -> None:
    async with await Store.open(folder, FakeClock(), config=StoreConfig(min_free_bytes=0)) as store:
        ann = (await store.read(users.get, "ann@example.test")).id
        world = World(store, ann)
        for step in steps:
            await world.play(*step)
        for client in world.clients:
            while await client.step(2):
                assert client.restarts < 20
            _, listed = await world.members.list(ann, CALENDARS, client.slug)
            assert client.etags == {member.href: member.etag for member in listed}
            idle = await world.sync.changes(ann, CALENDARS, client.slug, client.point)
            assert (idle.members, idle.removed, idle.point) == ([], [], complete(idle.seen.collection))


class World:
    def __init__(self, store: Store, ann: int) -> None:
        self.store, self.ann = store, ann
        self.members = Members(store, ACCEPT, config=DavConfig())
        self.collections = Collections(store)
        self.sync = Sync(store)
        self.clients = [Client(self.sync, ann, slug) for slug in SLUGS]

    async def play(self, verb: object, *args: object) -> None:
        match verb, args:
            case "put", (str(slug), str(href), int(version)):
                data = thing(f"{href}", f"{version}", component="VTODO")
                await self._unless_refused(self.members.put(self.ann, CALENDARS, slug, href, data))
            case "remove", (str(slug), str(href)):
                await self._unless_refused(self.members.remove(self.ann, CALENDARS, slug, href))
            case (("move" | "copy"), (str(slug), str(href), str(other), str(name))):
                run = self.members.move if verb == "move" else self.members.copy
                source, target = MemberPath(CALENDARS, slug, href), MemberPath(CALENDARS, other, name)
                await self._unless_refused(run(self.ann, source, target, overwrite=True))
            case "rename", (str(slug),):
                await self.collections.change(self.ann, CALENDARS, slug, CollectionChanges(name="Another"))
            case "forget", ():
                await self.store.write(removed.forget, 2**62)
            case "sync", (int(which), int(limit)):
                await self.clients[which].step(limit)
            case _:
                raise AssertionError(verb)

    async def _unless_refused(self, work: Awaitable[object]) -> None:
        with suppress(Refusal):
            await work


async def test_a_first_list_in_pieces_is_not_begun_anew_because_of_old_removals(
    store: Store, members: Members, sync: Sync, ann: int
) -> None:
    """Members older than the floor are handed out with tokens that are older than it too."""
    for name in "abc":
        await members.put(ann, CALENDARS, "calendar", name, thing(name))
    await members.put(ann, CALENDARS, "calendar", "gone", thing("gone"))
    await members.remove(ann, CALENDARS, "calendar", "gone")
    await store.write(removed.forget, 2**62)
    first = await sync.changes(ann, CALENDARS, "calendar", None, 1)
    assert ([each.href for each in first.members], first.truncated) == (["a"], True)
    await members.remove(ann, CALENDARS, "calendar", "a")
    second = await sync.changes(ann, CALENDARS, "calendar", first.point, 2)
    assert ([each.href for each in second.members], second.truncated) == (["b", "c"], True)
    third = await sync.changes(ann, CALENDARS, "calendar", second.point, 2)
    assert (third.members, third.removed, third.truncated) == ([], ["a"], False)


async def test_a_token_from_before_forgotten_removals_or_from_the_future_is_refused(
    store: Store, members: Members, sync: Sync, ann: int
) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", thing("a"))
    await members.put(ann, CALENDARS, "tasks", "t", thing("t"))
    old = (await sync.changes(ann, CALENDARS, "calendar", None)).point
    idle = (await sync.changes(ann, CALENDARS, "tasks", None)).point
    await members.remove(ann, CALENDARS, "calendar", "a")
    now = (await sync.changes(ann, CALENDARS, "calendar", old)).point
    await store.write(removed.forget, 2**62)
    for point in (old, SyncPoint(now.modseq + 1, now.modseq + 1), SyncPoint(0, 0)):
        with pytest.raises(BadSyncToken):
            await sync.changes(ann, CALENDARS, "calendar", point)
    assert (await sync.changes(ann, CALENDARS, "calendar", now)).removed == []
    assert (await sync.changes(ann, CALENDARS, "tasks", idle)).point == idle


async def test_removals_are_remembered_for_their_time(
    store: Store, clock: FakeClock, members: Members, sync: Sync, ann: int
) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", thing("a"))
    point = (await sync.changes(ann, CALENDARS, "calendar", None)).point
    await members.remove(ann, CALENDARS, "calendar", "a")
    removed_ms = int(clock.now().timestamp() * 1000)
    assert await store.write(removed.forget, removed_ms) == 0
    assert (await sync.changes(ann, CALENDARS, "calendar", point)).removed == ["a"]
    assert await store.write(removed.forget, removed_ms + 1) == 1


async def test_members_that_share_a_number_are_handed_out_together(
    store: Store, members: Members, sync: Sync, ann: int
) -> None:
    """Rows of other programs all begin with the same number."""
    for name in "abcde":
        await members.put(ann, CALENDARS, "calendar", name, thing(name))
    await store.write(lambda tx: tx.run("UPDATE calendar_events SET modseq = 3 WHERE href IN ('b', 'c', 'd')"))
    await store.write(lambda tx: tx.run("UPDATE calendar_events SET modseq = 2 WHERE href = 'a'"))
    found: list[list[str]] = []
    point, more = None, True
    while more:
        changes = await sync.changes(ann, CALENDARS, "calendar", point, 2)
        found.append([each.href for each in changes.members])
        point, more = changes.point, changes.truncated
    assert found == [["a"], ["b", "c", "d"], ["e"]]


@pytest.mark.parametrize("text", ["", "x", "-1", "1-", "2-1", "1-2-3", "9" * 19, "1.5", "١"])
def test_points_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadSyncToken):
        SyncPoint.parse(text)


@pytest.mark.parametrize("point", [SyncPoint(0, 0), SyncPoint(7, 7), SyncPoint(1, 20)])
def test_points_are_read_as_they_are_written(point: SyncPoint) -> None:
    assert SyncPoint.parse(point.text) == point
