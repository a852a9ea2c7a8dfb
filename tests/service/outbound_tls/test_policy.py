"""What a host must show, and what real handshakes with good and bad certificates come to."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from mailserver.outbound_tls.applied import PolicyType
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.decision import Dane
from mailserver.outbound_tls.memory import TlsMemory
from mailserver.outbound_tls.policy import (
    CertificateRefused,
    DaneFinding,
    HostPolicy,
    Level,
    MailHost,
    NotAllowed,
    ResultType,
    TlsOutcome,
    TlsPolicies,
)
from mailserver.outbound_tls.tally import ResultTally
from mailserver.store import tls_results
from mailserver.store.store import Store
from tests.authority import EXPIRED, NOT_YET, Authority, Certified, self_signed
from tests.fakes import FakeClock
from tests.service.outbound_tls.world import CA, DOMAIN, World, policy
from tests.service.outbound_tls.world import world as made

HOST = f"mx.{DOMAIN}"
TODAY = "2026-03-01"


@dataclass(frozen=True, slots=True)
class Mx:
    name: str = HOST
    is_secure: bool = False


class Tlsa:
    """Any finding about a host."""

    def __init__(self, finding: DaneFinding) -> None:
        self.finding = finding

    async def find(self, host: MailHost) -> DaneFinding:
        return self.finding


@pytest.fixture
def clock() -> FakeClock:
    """Near the machine's time, from which the certificates count."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with made(store) as world:
        yield world


@pytest.fixture
def tally(store: Store, clock: FakeClock) -> ResultTally:
    return ResultTally(store, clock)


@pytest.fixture
def policies(world: World, clock: FakeClock, tally: ResultTally) -> TlsPolicies:
    return TlsPolicies(
        clock,
        Authorities([CA.certificate]),
        sts=world.sts(),
        memories=TlsMemory(world.store, 3),
        tally=tally,
    )


async def handshake(
    context: ssl.SSLContext, certified: Certified, server: Callable[[ssl.SSLContext], None] = lambda _: None
) -> ssl.SSLObject:
    """A client's TLS object after a handshake in memory; `server` may change the other side's context."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = certified.server_context()
    server(theirs)
    client = context.wrap_bio(to_client, to_server, server_hostname=HOST)
    left = [client, theirs.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(10):
        for end in list(left):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                left.remove(end)
    assert left == []
    return client


async def checked(policies: TlsPolicies, wanted: HostPolicy, certified: Certified) -> TlsOutcome:
    return policies.check(wanted, await handshake(policies.context(wanted), certified))


async def counted(store: Store, tally: ResultTally, clock: FakeClock) -> dict[tuple[str, str], int]:
    """(policy type, result) → sessions."""
    await tally.flush()
    found: dict[tuple[str, str], int] = {}
    for counted, sessions in await store.read(tls_results.list, f"{clock.now():%Y-%m-%d}", DOMAIN):
        kind = next(kind for kind in PolicyType if f'"{kind}"' in counted.policy)
        found[kind, counted.result] = found.get((kind, counted.result), 0) + sessions
    return found


BAD: list[tuple[str, Callable[[], Certified], ResultType, str]] = [
    ("expired", lambda: CA.issue(HOST, days=EXPIRED), ResultType.CERTIFICATE_EXPIRED, "expired on"),
    ("not yet", lambda: CA.issue(HOST, days=NOT_YET), ResultType.VALIDATION_FAILURE, "is good from"),
    ("self-signed", lambda: self_signed(HOST), ResultType.CERTIFICATE_NOT_TRUSTED, "self-signed"),
    (
        "unknown authority",
        lambda: Authority("Unknown CA").issue(HOST),
        ResultType.CERTIFICATE_NOT_TRUSTED,
        "no authority known here",
    ),
    (
        "another name",
        lambda: CA.issue("mail.example.org"),
        ResultType.CERTIFICATE_HOST_MISMATCH,
        "is for mail.example.org, not for mx.example.net",
    ),
    ("two labels under a star", lambda: CA.issue("*.net"), ResultType.CERTIFICATE_HOST_MISMATCH, "not for"),
    ("a common name alone", lambda: CA.issue(common_name=HOST), ResultType.CERTIFICATE_HOST_MISMATCH, "no host at all"),
    (
        "its intermediate is missing",
        lambda: CA.intermediate().issue(HOST).with_chain(),
        ResultType.CERTIFICATE_NOT_TRUSTED,
        "no authority known here",
    ),
]
GOOD: list[tuple[str, Callable[[], Certified]]] = [
    ("its name", lambda: CA.issue(HOST)),
    ("one of its names", lambda: CA.issue("example.org", HOST)),
    ("a star for its first label", lambda: CA.issue("*.example.net")),
    ("through an intermediate", lambda: CA.intermediate().issue(HOST)),
    ("RSA", lambda: CA.issue(HOST, kind="RSA")),
]


async def test_without_any_policy_tls_is_taken_as_it_comes(policies: TlsPolicies) -> None:
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    assert (wanted.level, wanted.reason, wanted.allows_clear_text) == (Level.OPPORTUNISTIC, "opportunistic", True)


@pytest.mark.parametrize("certified", [row[1] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_certificate_is_no_reason_for_clear_text(
    certified: Callable[[], Certified], policies: TlsPolicies
) -> None:
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    outcome = await checked(policies, wanted, certified())
    assert outcome.is_encrypted and outcome.result_type is None
    assert outcome.words.startswith("TLSv1.3 ") and "not judged" in outcome.words


@pytest.mark.parametrize(("why", "certified"), GOOD, ids=[row[0] for row in GOOD])
async def test_mta_sts_takes_a_certificate_that_holds(
    why: str, certified: Callable[[], Certified], policies: TlsPolicies, world: World
) -> None:
    world.announce("1", policy("enforce"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    assert (wanted.level, wanted.reason) == (Level.AUTHENTICATED, "MTA-STS enforce of example.net")
    assert not wanted.allows_clear_text
    outcome = await checked(policies, wanted, certified())
    assert "certificate good for mx.example.net" in outcome.words and outcome.result_type is None


@pytest.mark.parametrize(("why", "certified", "result_type", "words"), BAD, ids=[row[0] for row in BAD])
async def test_mta_sts_refuses_a_certificate_that_does_not_hold(
    why: str,
    certified: Callable[[], Certified],
    result_type: ResultType,
    words: str,
    policies: TlsPolicies,
    world: World,
) -> None:
    world.announce("1", policy("enforce"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    with pytest.raises(CertificateRefused, match=words) as refused:
        await checked(policies, wanted, certified())
    assert refused.value.result_type is result_type


async def test_a_host_that_the_policy_does_not_name_gets_no_mail(
    policies: TlsPolicies, world: World, tally: ResultTally, clock: FakeClock
) -> None:
    world.announce("1", policy("enforce"))
    domain = await policies.for_domain(DOMAIN)
    with pytest.raises(NotAllowed, match=r"does not name the host mx\.evil\.example") as refused:
        await policies.for_host(domain, Mx("mx.evil.example"))
    assert (refused.value.status, refused.value.is_permanent) == ("4.7.5", False)
    assert await counted(world.store, tally, clock) == {("sts", "validation-failure"): 1}


@pytest.mark.parametrize(("why", "certified", "result_type", "words"), BAD, ids=[row[0] for row in BAD])
async def test_a_policy_in_testing_is_reported_and_refuses_nothing(
    why: str,
    certified: Callable[[], Certified],
    result_type: ResultType,
    words: str,
    policies: TlsPolicies,
    world: World,
    tally: ResultTally,
    clock: FakeClock,
) -> None:
    world.announce("1", policy("testing"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    assert wanted.allows_clear_text and "testing" in wanted.reason
    outcome = await checked(policies, wanted, certified())
    assert outcome.is_encrypted and outcome.result_type is result_type and words in outcome.words
    await policies.note(wanted, DOMAIN, HOST, "127.0.0.2", outcome)
    assert await counted(world.store, tally, clock) == {("sts", result_type.value): 1}


async def test_a_host_that_a_testing_policy_does_not_name_is_reported(policies: TlsPolicies, world: World) -> None:
    world.announce("1", policy("testing"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx("mx.other.example"))
    outcome = await checked(policies, wanted, CA.issue("mx.other.example"))
    assert outcome.result_type is ResultType.VALIDATION_FAILURE and "does not name" in outcome.words


async def test_a_policy_that_can_not_be_had_is_reported(
    policies: TlsPolicies, world: World, tally: ResultTally, clock: FakeClock
) -> None:
    world.announce("1", b"nonsense")
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    assert wanted.level is Level.OPPORTUNISTIC
    await policies.note(wanted, DOMAIN, HOST, "127.0.0.2", await checked(policies, wanted, CA.issue(HOST)))
    assert await counted(world.store, tally, clock) == {("sts", "sts-policy-invalid"): 1}


async def test_tls_seen_once_is_asked_for_the_next_time(policies: TlsPolicies, clock: FakeClock) -> None:
    domain = await policies.for_domain(DOMAIN)
    first = await policies.for_host(domain, Mx())
    await policies.note(first, DOMAIN, HOST, "127.0.0.2", await checked(policies, first, self_signed(HOST)))
    second = await policies.for_host(domain, Mx())
    assert (second.level, second.allows_clear_text) == (Level.ENCRYPTED, False)
    assert second.reason.startswith("remembered: mx.example.net had TLS")
    await policies.note(second, DOMAIN, HOST, "127.0.0.2", TlsOutcome.not_offered())
    await clock.advance(3 * 86_400)
    third = await policies.for_host(domain, Mx())
    assert third.allows_clear_text and third.reason.startswith("opportunistic again: ")


async def test_certificates_of_dane_are_judged_by_its_records(policies: TlsPolicies, clock: FakeClock) -> None:
    judged: list[tuple[list[bytes], tuple[str, ...]]] = []

    def verify(chain: list[bytes], names: tuple[str, ...], now: object) -> None:
        judged.append((chain, names))

    dane = TlsPolicies(clock, Authorities([]), tlsa=Tlsa(DaneFinding(Dane.USABLE, "", ("3 1 1 ab",), verify)))
    wanted = await dane.for_host(await dane.for_domain(DOMAIN), Mx(is_secure=True))
    assert wanted.level is Level.DANE and wanted.names == (HOST, DOMAIN)
    certified = self_signed(HOST)
    assert "TLSA" in (await checked(dane, wanted, certified)).words
    assert judged == [([certified.der], (HOST, DOMAIN))]


async def test_a_host_whose_tlsa_can_not_be_had_gets_no_mail(
    clock: FakeClock, store: Store, tally: ResultTally
) -> None:
    failing = Tlsa(DaneFinding(Dane.FAILED, "SERVFAIL"))
    dane = TlsPolicies(clock, Authorities([]), tlsa=failing, tally=tally)
    with pytest.raises(NotAllowed, match="SERVFAIL"):
        await dane.for_host(await dane.for_domain(DOMAIN), Mx(is_secure=True))
    assert await counted(store, tally, clock) == {("tlsa", "dnssec-invalid"): 1}


async def test_require_tls_goes_nowhere_without_somebody_to_vouch(policies: TlsPolicies) -> None:
    domain = await policies.for_domain(DOMAIN)
    with pytest.raises(NotAllowed, match="REQUIRETLS") as refused:
        await policies.for_host(domain, Mx(), require_tls=True)
    assert (refused.value.status, refused.value.is_permanent) == ("5.7.30", True)


async def test_require_tls_goes_where_mta_sts_vouches(policies: TlsPolicies, world: World) -> None:
    world.announce("1", policy("enforce"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx(), require_tls=True)
    assert wanted.needs_extension and wanted.level is Level.AUTHENTICATED


async def test_tls_required_no_asks_nothing_and_counts_nothing(
    policies: TlsPolicies, world: World, tally: ResultTally, clock: FakeClock
) -> None:
    world.announce("1", policy("enforce"))
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx("mx.other.example"), tls_optional=True)
    assert wanted.allows_clear_text and "TLS-Required" in wanted.reason
    await policies.note(wanted, DOMAIN, "mx.other.example", "127.0.0.2", TlsOutcome.not_offered())
    assert await counted(world.store, tally, clock) == {}


async def test_successes_and_failures_are_counted(
    policies: TlsPolicies, store: Store, tally: ResultTally, clock: FakeClock
) -> None:
    wanted = await policies.for_host(await policies.for_domain(DOMAIN), Mx())
    for _ in range(3):
        await policies.note(wanted, DOMAIN, HOST, "127.0.0.2", TlsOutcome("TLSv1.3", True))
    await policies.note(wanted, DOMAIN, HOST, "127.0.0.2", TlsOutcome.not_offered("127.0.0.1"))
    assert await counted(store, tally, clock) == {
        ("no-policy-found", ""): 3,
        ("no-policy-found", "starttls-not-supported"): 1,
    }
    assert await tally.flush() == 0


async def test_old_tls_is_better_than_none_where_nobody_vouches(policies: TlsPolicies) -> None:
    old = self_signed(HOST)
    domain = await policies.for_domain(DOMAIN)
    wanted = await policies.for_host(domain, Mx())
    tls = await handshake(policies.context(wanted), old, server=_only_old)
    assert policies.check(wanted, tls).words.startswith("TLSv1.1 ")
    strict = await policies.for_host(domain, Mx(is_secure=True), require_tls=True)
    with pytest.raises(ssl.SSLError):
        await handshake(policies.context(strict), old, server=_only_old)


def _only_old(context: ssl.SSLContext) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
