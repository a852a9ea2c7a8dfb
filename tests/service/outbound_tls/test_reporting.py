"""A day's counts become a report for whoever asks for one: mailed, posted, tried again, given up. RFC 8460 §4, §5"""

import email
import email.policy
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from mailserver.errors import InsufficientStorage
from mailserver.outbound_tls.applied import Applied, PolicyType
from mailserver.outbound_tls.reporting import JITTER_SECONDS, Reporter, TlsReporting
from mailserver.outbound_tls.results import ResultType, TlsOutcome
from mailserver.outbound_tls.tally import ResultTally
from mailserver.store import tls_results
from mailserver.store.store import Store
from mailserver.store.tls_results import MAX_DETAILS, SentReport
from tests.fakes import FakeClock
from tests.service.outbound_tls.world import DAY, DOMAIN, World
from tests.service.outbound_tls.world import world as made
from tests.sites import answer

POST_HOST = f"mta-sts.{DOMAIN}"  # the one site there is
STS = Applied(PolicyType.STS, ("version: STSv1", "mode: enforce"), (f"mx.{DOMAIN}",))
NONE = Applied(PolicyType.NONE)
GOOD = TlsOutcome("TLSv1.3", True)
EXPIRED = TlsOutcome("the certificate expired", True, ResultType.CERTIFICATE_EXPIRED, "192.0.2.1")
FIRST_DAY = "2026-03-01"


class Post:
    """Where reports are mailed to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []
        self.is_full = False

    async def send(self, sender: str, recipient: str, message: bytes) -> None:
        if self.is_full:
            raise InsufficientStorage
        self.sent.append((sender, recipient, message))


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with made(store) as world:
        yield world


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def tally(store: Store, clock: FakeClock) -> ResultTally:
    """A day of a few sessions."""
    tally = ResultTally(store, clock)
    for _ in range(5):
        tally.count(STS, DOMAIN, "mx", "a", GOOD)
    tally.count(STS, DOMAIN, f"mx.{DOMAIN}", "127.0.0.2", EXPIRED)
    tally.count(NONE, "other.example", "mx", "a", GOOD)
    await tally.flush()
    return tally


@pytest.fixture
def reporting(world: World, clock: FakeClock, post: Post, tally: ResultTally) -> TlsReporting:
    return TlsReporting(
        world.store,
        clock,
        world.resolver,
        world.fetcher,
        post.send,
        Reporter("mail.home.example", "tls@home.example"),
        lambda octets: b"\1" * octets,
    )


def wants(world: World, *uris: str) -> None:
    world.zone.set(f"_smtp._tls.{DOMAIN}", "TXT", f'"v=TLSRPTv1; rua={",".join(uris)}"', ttl=0)


async def sent(world: World) -> SentReport:
    [found] = await world.store.read(tls_results.list_sent, 10)
    return found


async def test_a_report_is_mailed_when_the_day_is_over(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    wants(world, "mailto:rua@example.net")
    assert await reporting.report() == 0
    await clock.advance(12 * 3600 + JITTER_SECONDS)
    assert await reporting.report() == 1
    [(sender, recipient, octets)] = post.sent
    assert (sender, recipient) == ("tls@home.example", "rua@example.net")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["TLS-Report-Domain"] == DOMAIN and message["TLS-Report-Submitter"] == "mail.home.example"
    report = json.loads(gzip.decompress(list(message.iter_parts())[1].get_content()))
    assert report["date-range"]["start-datetime"] == "2026-03-01T00:00:00Z"
    assert report["contact-info"] == "tls@home.example"
    [policy] = report["policies"]
    assert policy["policy"]["policy-domain"] == DOMAIN
    assert policy["summary"] == {"total-successful-session-count": 5, "total-failure-session-count": 1}
    assert policy["failure-details"] == [
        {
            "result-type": "certificate-expired",
            "sending-mta-ip": "192.0.2.1",
            "receiving-mx-hostname": "mx.example.net",
            "receiving-ip": "127.0.0.2",
            "failed-session-count": 1,
            "failure-reason-code": "the certificate expired",
        }
    ]


async def test_a_report_is_posted(world: World, clock: FakeClock, reporting: TlsReporting) -> None:
    uri = f"https://{POST_HOST}:{world.site.port}/tlsrpt"
    wants(world, uri)
    world.site.at["/tlsrpt"] = answer(201)
    await clock.advance(DAY)
    assert await reporting.report() == 1
    [request] = world.site.requests
    assert (request.method, request.headers["content-type"]) == ("POST", "application/tlsrpt+gzip")
    assert json.loads(gzip.decompress(request.body))["organization-name"] == "mail.home.example"
    assert (await sent(world)).targets == {uri: ""} and (await sent(world)).is_done


async def test_the_first_round_comes_at_a_time_of_our_own(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    """0x01010101 % 14400 seconds after midnight UTC: not all servers of the world at once."""
    wants(world, "mailto:rua@example.net")
    await clock.advance(12 * 3600 + 0x01010101 % JITTER_SECONDS - 1)
    assert await reporting.report() == 0
    await clock.advance(2)
    assert await reporting.report() == 1


async def test_a_report_goes_out_once(world: World, clock: FakeClock, reporting: TlsReporting, post: Post) -> None:
    wants(world, "mailto:rua@example.net")
    await clock.advance(DAY)
    await reporting.report()
    assert await reporting.report() == 0 and len(post.sent) == 1
    assert await world.store.read(tls_results.list, FIRST_DAY, DOMAIN) == []


async def test_counts_nobody_wants_are_forgotten(world: World, clock: FakeClock, reporting: TlsReporting) -> None:
    await clock.advance(DAY)
    assert await reporting.report() == 0
    for domain in (DOMAIN, "other.example"):
        assert await world.store.read(tls_results.list, FIRST_DAY, domain) == []
    assert await world.store.read(tls_results.list_sent, 10) == []


async def test_what_failed_is_tried_again_with_the_same_id_and_what_did_not_is_not(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    uri = f"https://{POST_HOST}:{world.site.port}/tlsrpt"
    wants(world, "mailto:rua@example.net", uri)
    world.site.at["/tlsrpt"] = [answer(503), answer(200)]
    await clock.advance(DAY)
    await reporting.report()
    first = await sent(world)
    assert first.targets == {"mailto:rua@example.net": "", uri: "HTTP status 503"} and not first.is_done
    await clock.advance(3600)
    assert await reporting.report() == 1
    second = await sent(world)
    assert second.is_done and second.report_id == first.report_id
    assert len(post.sent) == 1 and len(world.site.requests) == 2


async def test_what_fails_for_a_day_is_given_up(world: World, clock: FakeClock, reporting: TlsReporting) -> None:
    wants(world, f"https://{POST_HOST}:{world.site.port}/missing")
    await clock.advance(DAY)
    await reporting.report()
    await clock.advance(DAY + JITTER_SECONDS)
    await reporting.report()
    assert (await sent(world)).is_done and set((await sent(world)).targets.values()) == {"HTTP status 404"}
    assert await reporting.report() == 0


async def test_a_disk_that_is_full_puts_it_off(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    wants(world, "mailto:rua@example.net")
    post.is_full = True
    await clock.advance(DAY)
    await reporting.report()
    assert "full" in (await sent(world)).targets["mailto:rua@example.net"]
    post.is_full = False
    await reporting.report()
    assert len(post.sent) == 1 and (await sent(world)).is_done


async def test_without_an_address_of_ours_nothing_is_mailed_and_that_is_said(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    wants(world, "mailto:rua@example.net")
    reporting.reporter = Reporter("mail.home.example", "")
    await clock.advance(DAY)
    await reporting.report()
    assert "tls_reports.address is not set" in (await sent(world)).targets["mailto:rua@example.net"]
    assert post.sent == []


async def test_dns_that_fails_is_asked_again(
    world: World, clock: FakeClock, reporting: TlsReporting, post: Post
) -> None:
    wants(world, "mailto:rua@example.net")
    world.zone.fail(f"_smtp._tls.{DOMAIN}", "SERVFAIL")
    await clock.advance(DAY)
    assert await reporting.report() == 0
    world.zone.mend(f"_smtp._tls.{DOMAIN}")
    assert await reporting.report() == 1


async def test_dns_that_fails_for_ever_is_given_up(world: World, clock: FakeClock, reporting: TlsReporting) -> None:
    world.zone.fail(f"_smtp._tls.{DOMAIN}", "SERVFAIL")
    await clock.advance(2 * DAY + JITTER_SECONDS + 12 * 3600)
    await reporting.report()
    assert await world.store.read(tls_results.list, FIRST_DAY, DOMAIN) == []


async def test_switched_off_nothing_is_counted_or_sent(
    world: World, clock: FakeClock, reporting: TlsReporting, tally: ResultTally, post: Post
) -> None:
    wants(world, "mailto:rua@example.net")
    tally.is_counting = reporting.is_reporting = False
    tally.count(NONE, DOMAIN, "mx", "a", GOOD)
    assert await tally.flush() == 0
    await clock.advance(DAY)
    assert await reporting.report() == 0 and post.sent == []


async def test_reports_to_our_own_network_are_not_posted(
    world: World, clock: FakeClock, reporting: TlsReporting
) -> None:
    world.zone.set("inside.example.net", "A", "10.0.0.1")
    wants(world, "https://inside.example.net/")
    await clock.advance(DAY)
    await reporting.report()
    assert "private" in (await sent(world)).targets["https://inside.example.net/"]


async def test_a_flood_of_failures_is_counted_without_details(store: Store, clock: FakeClock) -> None:
    tally = ResultTally(store, clock)
    for number in range(3 * MAX_DETAILS):
        tally.count(NONE, DOMAIN, f"mx{number}", "a", EXPIRED)
    await tally.flush()
    rows = await store.read(tls_results.list, FIRST_DAY, DOMAIN)
    assert len(rows) <= MAX_DETAILS + 1
    assert sum(sessions for _, sessions in rows) == 3 * MAX_DETAILS
