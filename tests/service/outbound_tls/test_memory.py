"""A host that had TLS: mail waits for it, for a set time, and then says why it does not any more."""

import pytest

from mailserver.outbound_tls.decision import Memory
from mailserver.outbound_tls.memory import TlsMemory
from mailserver.outbound_tls.results import CertificateRefused, ResultType, TlsOutcome
from mailserver.store import tls_memory
from mailserver.store.store import Store
from tests.fakes import FakeClock

HOST = "mx.example.net"
DAY = 86_400
TLS = TlsOutcome("TLSv1.3", True)
EXPIRED = TlsOutcome.refused(CertificateRefused("expired", ResultType.CERTIFICATE_EXPIRED))
STRIPPED = TlsOutcome.not_offered()
BROKEN = TlsOutcome.failed("handshake failure")


@pytest.fixture
def memory(store: Store) -> TlsMemory:
    return TlsMemory(store, hold_days=3)


async def test_a_host_nobody_met_has_no_memory(memory: TlsMemory) -> None:
    assert (await memory.recall(HOST)).memory is Memory.NONE


async def test_clear_text_is_not_remembered(memory: TlsMemory, store: Store) -> None:
    await memory.note(HOST, STRIPPED)
    assert (await memory.recall(HOST)).memory is Memory.NONE
    assert await store.read(tls_memory.find, HOST) is None


@pytest.mark.parametrize("seen", [TLS, EXPIRED])
async def test_once_with_tls_always_with_tls(seen: TlsOutcome, memory: TlsMemory) -> None:
    await memory.note(HOST.upper(), seen)
    recalled = await memory.recall(HOST)
    assert recalled.memory is Memory.HELD
    assert "mx.example.net had TLS on 2026-03-01 12:00 UTC" in recalled.words


@pytest.mark.parametrize("missing", [STRIPPED, BROKEN])
async def test_missing_tls_is_waited_for_and_then_given_up_in_words(
    missing: TlsOutcome, memory: TlsMemory, clock: FakeClock
) -> None:
    await memory.note(HOST, TLS)
    await clock.advance(100 * DAY)
    await memory.note(HOST, missing)
    for _ in range(3):
        recalled = await memory.recall(HOST)
        assert recalled.memory is Memory.HELD and "waits for it until 2026-06-12 12:00 UTC" in recalled.words
        await clock.advance(DAY - 1)
        await memory.note(HOST, missing)
    await clock.advance(3)
    recalled = await memory.recall(HOST)
    assert recalled.memory is Memory.FELL
    assert "none since 2026-06-09 12:00 UTC, longer than the 3 days" in recalled.words
    await memory.note(HOST, missing)
    assert (await memory.recall(HOST)).memory is Memory.NONE


async def test_tls_that_comes_back_ends_the_waiting(memory: TlsMemory, clock: FakeClock) -> None:
    await memory.note(HOST, TLS)
    await memory.note(HOST, STRIPPED)
    await clock.advance(2 * DAY)
    await memory.note(HOST, TLS)
    await memory.note(HOST, STRIPPED)
    await clock.advance(2 * DAY)
    assert (await memory.recall(HOST)).memory is Memory.HELD


async def test_a_new_process_remembers(memory: TlsMemory, store: Store) -> None:
    await memory.note(HOST, TLS)
    assert (await TlsMemory(store, 3).recall(HOST)).memory is Memory.HELD


async def test_zero_days_hold_nothing_back(memory: TlsMemory) -> None:
    await memory.note(HOST, TLS)
    memory.hold_days = 0
    assert (await memory.recall(HOST)).memory is Memory.NONE
    await memory.note(HOST, STRIPPED)
    assert (await memory.recall(HOST)).memory is Memory.FELL


async def test_many_sessions_write_once_a_day(memory: TlsMemory, store: Store, clock: FakeClock) -> None:
    await memory.note(HOST, TLS)
    before = await store.read(tls_memory.find, HOST)
    await clock.advance(3600)
    await memory.note(HOST, TLS)
    assert await store.read(tls_memory.find, HOST) == before
    await clock.advance(DAY)
    await memory.note(HOST, TLS)
    after = await store.read(tls_memory.find, HOST)
    assert after is not None and before is not None and after.last_seen_at > before.last_seen_at


async def test_hosts_not_met_for_long_are_forgotten(memory: TlsMemory, store: Store, clock: FakeClock) -> None:
    await memory.note(HOST, TLS)
    await clock.advance(400 * DAY)
    await memory.note("mx2.example.net", TLS)
    now_ms = int(clock.now().timestamp() * 1000)
    assert await store.write(tls_memory.remove_old, now_ms - 365 * DAY * 1000) == 1
    assert [host.host for host in await store.read(tls_memory.list, 10)] == ["mx2.example.net"]


async def test_what_another_process_forgets_is_forgotten_here(store: Store, clock: FakeClock) -> None:
    memory = TlsMemory(store, 3)
    await memory.note(HOST, TLS)
    assert (await memory.recall(HOST)).memory is Memory.HELD
    async with await Store.open(store.data, clock, config=store.config) as other:
        await other.write(tls_memory.remove, HOST)
    await store.look_for_foreign_commits()
    assert (await memory.recall(HOST)).memory is Memory.NONE
    memory.close()
