"""What is long in a request is read in a thread: nobody else waits while it is gone through."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.dav import xml_reader
from mailserver.dav.names import Name, caldav, carddav
from mailserver.dav.reports import hrefs
from mailserver.dav.reports.hrefs import THREAD_PARTS
from mailserver.dav.xml_body import THREAD_OCTETS
from mailserver.groupware.locks import MAX_OWNER_OCTETS
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated
from tests.service.dav.house import House
from tests.service.dav.test_propfind import PEOPLE, WORK

P = ParamSpec("P")
T = TypeVar("T")

LOCKINFO = '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>%s</lockinfo>'
REPORTS = [(WORK, caldav("calendar-multiget")), (PEOPLE, carddav("addressbook-multiget"))]


class Watched(Store):
    """Writes down what it did in threads."""

    done: list[object]

    async def in_thread(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.done.append(fn)
        return await super().in_thread(fn, *args, **kwargs)


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    Watched.done = []
    settings = StoreConfig(min_free_bytes=0)
    async with await Watched.open(migrated(tmp_path / "data"), clock, config=settings) as store:
        yield store


async def test_a_long_lockinfo(house: House) -> None:
    padding = f"<!--{'x' * THREAD_OCTETS}-->"
    assert (await house.ask("LOCK", f"{WORK}a.ics", '<lockinfo xmlns="DAV:"/>', depth="0")).status == 400
    assert xml_reader.read not in Watched.done
    assert (await house.ask("LOCK", f"{WORK}b.ics", LOCKINFO % padding, depth="0")).status == 201
    assert Watched.done.count(xml_reader.read) == 1


async def test_an_owner_that_is_too_long_is_refused_by_what_it_is(house: House) -> None:
    """As all bodies are: it was 413 from 64 KiB on, which said nothing of the owner."""
    owner = f"<owner>{'x' * 70_000}</owner>"
    answer = await house.ask("LOCK", f"{WORK}a.ics", LOCKINFO % owner, depth="0")
    assert answer.status == 429
    assert f"{MAX_OWNER_OCTETS} octets about its owner".encode() in answer.body


@pytest.mark.parametrize(("path", "name"), REPORTS)
@pytest.mark.parametrize(("count", "threads"), [(THREAD_PARTS // 2, 0), (THREAD_PARTS + 1, 1)])
async def test_hrefs_by_the_thousand(house: House, path: str, name: Name, count: int, threads: int) -> None:
    await house.put(f"{path}there")
    asked = "".join(f"<D:href>{path}{number}</D:href>" for number in range(count))
    body = f'<{name.local} xmlns="{name.namespace}" xmlns:D="DAV:"><D:href>{path}there</D:href>{asked}</{name.local}>'
    answer = await house.ask("REPORT", path, body)
    assert answer.status == 207
    assert len(answer.responses) == count + 1
    assert answer.responses[f"{path}there"].status is None
    assert answer.responses[f"{path}0"].status == 404
    assert Watched.done.count(hrefs.listed) == threads
