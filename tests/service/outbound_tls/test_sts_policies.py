"""MTA-STS policies of others: found, kept, refreshed, and what their faults come to. RFC 8461 §3, §5, §10.2"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailserver.outbound_tls.mta_sts import Mode
from mailserver.outbound_tls.results import ResultType
from mailserver.outbound_tls.sts_policies import RETRY_SECONDS
from mailserver.store.store import Store
from tests.authority import EXPIRED, self_signed
from tests.fakes import FakeClock
from tests.service.outbound_tls.world import CA, DAY, DOMAIN, PATH, POLICY_HOST, World, policy
from tests.service.outbound_tls.world import world as made
from tests.sites import Site, answer


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with made(store) as world:
        yield world


async def test_an_announced_policy_is_fetched_once_and_kept(world: World) -> None:
    world.announce("1", policy("enforce", "mx.example.net", "*.backup.example.net"))
    for _ in range(3):
        found = await world.sts().find(DOMAIN)  # a new process each time: only the database remembers
        assert found.sts is not None and found.fault is None
        assert (found.sts.mode, found.sts.mx) == (Mode.ENFORCE, ("mx.example.net", "*.backup.example.net"))
    assert [request.path for request in world.site.requests] == [PATH]
    assert world.site.requests[0].server_name == POLICY_HOST


async def test_a_domain_without_a_record_is_not_asked_for_a_policy(world: World) -> None:
    world.site.at[PATH] = answer(200, policy())
    assert (await world.sts().find(DOMAIN)).sts is None
    assert world.site.requests == []


async def test_a_hundred_messages_at_once_fetch_once(world: World) -> None:
    world.announce("1", policy())
    sts = world.sts()
    found = await asyncio.gather(*(sts.find(DOMAIN) for _ in range(100)))
    assert all(each.sts for each in found) and len(world.site.requests) == 1


async def test_a_new_id_brings_the_new_policy_at_once(world: World) -> None:
    world.announce("1", policy("enforce"))
    assert (await world.sts().find(DOMAIN)).sts is not None
    world.announce("2", policy("testing"))
    found = await world.sts().find(DOMAIN)
    assert found.sts is not None and found.sts.mode is Mode.TESTING


async def test_mode_none_ends_a_policy(world: World) -> None:
    world.announce("1", policy("enforce"))
    await world.sts().find(DOMAIN)
    world.announce("2", policy("none"))
    assert (await world.sts().find(DOMAIN)).sts is None
    assert (await world.sts().find(DOMAIN)).sts is None
    assert len(world.site.requests) == 2


async def test_without_its_record_a_policy_holds_until_its_age_is_over(world: World, clock: FakeClock) -> None:
    """Who can hold back DNS answers must not be able to switch a policy off, RFC 8461 §10.2."""
    world.announce("1", policy(max_age=10 * DAY))
    await world.sts().find(DOMAIN)
    world.zone.remove(f"_mta-sts.{DOMAIN}", "TXT")
    await clock.advance(10 * DAY - 1)
    assert (await world.sts().find(DOMAIN)).sts is not None
    await clock.advance(2)
    assert (await world.sts().find(DOMAIN)).sts is None


@pytest.mark.parametrize("how", ["SERVFAIL", "REFUSED"])
async def test_dns_that_fails_leaves_the_policy_in_force(how: str, world: World) -> None:
    world.announce("1", policy())
    await world.sts().find(DOMAIN)
    world.zone.fail(f"_mta-sts.{DOMAIN}", how)
    assert (await world.sts().find(DOMAIN)).sts is not None


async def test_a_new_policy_that_can_not_be_had_leaves_the_old_one_in_force(world: World, clock: FakeClock) -> None:
    world.announce("1", policy(max_age=10 * DAY))
    await world.sts().find(DOMAIN)
    world.announce("2")
    world.site.at[PATH] = answer(500)
    found = await world.sts().find(DOMAIN)
    assert found.sts is not None and found.sts.mode is Mode.ENFORCE
    await clock.advance(10 * DAY + 1)
    found = await world.sts().find(DOMAIN)
    assert found.sts is None and found.fault is not None and "500" in found.fault.reason


FAULTS = [
    ("not found", answer(404), ResultType.STS_POLICY_FETCH_ERROR, "404"),
    ("a redirect", answer(301, Location=f"https://{POLICY_HOST}{PATH}"), ResultType.STS_POLICY_FETCH_ERROR, "301"),
    ("no HTTP", b"220 mx ESMTP\r\n", ResultType.STS_POLICY_FETCH_ERROR, "no HTTP"),
    ("HTML", answer(200, policy(), "text/html"), ResultType.STS_POLICY_INVALID, "text/html"),
    ("no type", answer(200, policy(), ""), ResultType.STS_POLICY_INVALID, "text/plain"),
    ("nonsense", answer(200, b"hello"), ResultType.STS_POLICY_INVALID, "line 1"),
    ("no hosts", answer(200, b"version: STSv1\nmode: enforce\nmax_age: 86400"), ResultType.STS_POLICY_INVALID, "no mx"),
    ("too large", answer(200, policy() + b"\n" * 70_000), ResultType.STS_POLICY_FETCH_ERROR, "65536 octets"),
]


@pytest.mark.parametrize(("why", "step", "result_type", "words"), FAULTS, ids=[row[0] for row in FAULTS])
async def test_a_policy_that_is_no_good_is_none_and_said(
    why: str, step: bytes, result_type: ResultType, words: str, world: World
) -> None:
    world.announce("1")
    world.site.at[PATH] = step
    found = await world.sts().find(DOMAIN)
    assert found.sts is None and found.fault is not None
    assert found.fault.result_type is result_type and words in found.fault.reason


@pytest.mark.parametrize("kind", ["expired", "self-signed", "another name"])
async def test_a_policy_host_whose_certificate_does_not_hold_is_not_believed(kind: str, world: World) -> None:
    certified = {
        "expired": lambda: CA.issue(POLICY_HOST, days=EXPIRED),
        "self-signed": lambda: self_signed(POLICY_HOST),
        "another name": lambda: CA.issue(DOMAIN),
    }[kind]()
    async with Site(certified.server_context(), "127.0.0.3", world.site.port) as other:
        other.at[PATH] = answer(200, policy())
        world.zone.set(POLICY_HOST, "A", "127.0.0.3")
        world.announce("1")
        found = await world.sts().find(DOMAIN)
    assert found.sts is None and found.fault is not None
    assert found.fault.result_type is ResultType.STS_WEBPKI_INVALID
    assert other.requests == []


async def test_a_policy_host_in_our_own_network_is_not_asked(world: World) -> None:
    world.zone.set(POLICY_HOST, "A", "169.254.169.254")
    world.announce("1", policy())
    found = await world.sts().find(DOMAIN)
    assert found.fault is not None and "link-local" in found.fault.reason


async def test_a_fetch_that_failed_is_not_tried_at_every_message(world: World, clock: FakeClock) -> None:
    world.announce("1")
    world.site.at[PATH] = answer(503)
    for _ in range(5):
        found = await world.sts().find(DOMAIN)
        assert found.fault is not None and "503" in found.fault.reason
    assert len(world.site.requests) == 1
    await clock.advance(RETRY_SECONDS + 1)
    world.announce("1", policy())
    assert (await world.sts().find(DOMAIN)).sts is not None


async def test_a_new_id_is_tried_at_once_also_after_a_failure(world: World) -> None:
    world.announce("1")
    world.site.at[PATH] = answer(503)
    await world.sts().find(DOMAIN)
    world.announce("2", policy())
    assert (await world.sts().find(DOMAIN)).sts is not None


async def test_a_policy_in_use_is_refreshed_every_day_and_does_not_run_out(world: World, clock: FakeClock) -> None:
    world.announce("1", policy(max_age=2 * DAY))
    sts = world.sts()
    await sts.find(DOMAIN)
    assert await sts.refresh() == 0
    for _ in range(5):
        await clock.advance(DAY + 60)
        assert await sts.refresh() == 1
        assert await sts.refresh() == 0
    world.zone.remove(f"_mta-sts.{DOMAIN}", "TXT")
    assert (await sts.find(DOMAIN)).sts is not None


async def test_a_refresh_that_fails_keeps_the_policy_and_tries_again_later(world: World, clock: FakeClock) -> None:
    world.announce("1", policy(max_age=10 * DAY))
    sts = world.sts()
    await sts.find(DOMAIN)
    world.site.at[PATH] = answer(500)
    await clock.advance(DAY + 60)
    assert await sts.refresh() == 1
    assert (await sts.find(DOMAIN)).sts is not None
    assert await sts.refresh() == 0
    await clock.advance(RETRY_SECONDS + 1)
    assert await sts.refresh() == 1


async def test_a_policy_nobody_mails_to_is_not_refreshed_for_ever(world: World, clock: FakeClock) -> None:
    world.announce("1", policy(max_age=365 * DAY))
    sts = world.sts()
    await sts.find(DOMAIN)
    await clock.advance(31 * DAY)
    assert await sts.refresh() == 0
    await sts.find(DOMAIN)
    assert await sts.refresh() == 1


async def test_a_full_disk_keeps_no_policy_and_holds_up_no_mail(world: World) -> None:
    """What was fetched holds for this message; it is only fetched again for the next."""
    world.announce("1", policy("enforce", *(f"mx{number}.example.net" for number in range(900))))
    await world.store.exclusively(lambda raw: raw.execute("PRAGMA max_page_count = 1").fetchone())
    sts = world.sts()
    for _ in range(2):
        found = await sts.find(DOMAIN)
        assert found.sts is not None and found.sts.mode is Mode.ENFORCE
    assert len(world.site.requests) == 2
