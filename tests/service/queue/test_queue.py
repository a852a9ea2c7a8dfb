"""Rows and spool files of the outbound queue: who holds a row, and how long a file lives."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.errors import NoSuchQueueEntry
from mailserver.store import delivery_log, disk_jobs, domains, queue, queue_record, spool, users
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx, Tx
from mailserver.store.queue import Outgoing, QueueRecipient, Status
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store
from tests.fakes import START, FakeClock
from tests.queue_hands import LEASE_SECONDS, OutboundQueue
from tests.schema import migrated

NOON = int(START.timestamp() * 1000)
LATER = NOON + 3_600_000
MESSAGE = b"Subject: out\r\n\r\nx\r\n"


async def put(store: Store, *recipients: str, message: bytes = MESSAGE) -> list[int]:
    spooled = spool.prepare(store, await store.stage_bytes(message))
    outgoing = Outgoing("ann@example.test", spooled, expires_at=2**50)
    return await store.write(queue.add, outgoing, [QueueRecipient(address) for address in recipients])


def spooled(store: Store) -> list[bytes]:
    return [path.read_bytes() for path in store.maildir.spool.iterdir()]


def ids(entries: Sequence[queue.Entry]) -> list[int]:
    return [entry.id for entry in entries]


@pytest.fixture
def outbound(store: Store) -> OutboundQueue:
    return OutboundQueue(store, "worker-1")


async def test_a_spool_file_lives_until_the_last_row_is_done(store: Store, outbound: OutboundQueue) -> None:
    await put(store, "x@far.example", "y@other.example")
    near, far = await outbound.claim(10)
    assert spooled(store) == [MESSAGE]
    assert await outbound.finish([near], Status.SENT) == 1
    assert spooled(store) == [MESSAGE]
    refused = Settled(far.id, Event.DEFER, Attempt(0, 5, "mx.other.example", text="connection refused"), LATER)
    (entry,) = await store.write(queue_record.record, "worker-1", [refused])
    assert entry.next_attempt == "2026-03-01 13:00:00"  # the second server is down for an hour
    assert await outbound.claim(10) == []
    entry = await outbound.show(far.id)
    assert (entry.status, entry.attempts, entry.last_error) == ("pending", 1, "connection refused")
    logged = [
        (each.sender, each.recipient, each.outcome, each.direction, each.error_message)
        for each in await store.read(delivery_log.list)
    ]
    assert logged == [
        ("ann@example.test", "y@other.example", "deferred", "outbound", "connection refused"),
        ("ann@example.test", "x@far.example", "delivered", "outbound", None),
    ]
    assert spooled(store) == [MESSAGE]


@pytest.mark.parametrize("whole_domain", [False, True])
async def test_mail_of_a_purged_account_is_given_up_and_the_log_says_why(
    store: Store, outbound: OutboundQueue, user_id: int, whole_domain: bool
) -> None:
    file = spool.prepare(store, await store.stage_bytes(MESSAGE))
    rows = [QueueRecipient("x@far.example"), QueueRecipient("y@near.example")]
    await store.write(queue.add, Outgoing("ann@example.test", file, expires_at=2**50, user_id=user_id), rows)
    await put(store, "z@far.example", message=b"of somebody else\r\n")
    (sending,) = await outbound.claim(1)
    if whole_domain:
        await store.write(domains.remove, "example.test")
        await store.write(domains.purge, 2**60)
    else:
        await store.write(users.remove, "ann@example.test")
        assert {entry.status for entry in await outbound.list()} == {"sending", "pending"}, "it can be restored"
        await store.write(users.purge, 2**60)
    entries = {entry.recipient: (entry.status, entry.last_error) for entry in await outbound.list()}
    gone = ("failed", "the account that sent it was removed")
    assert entries == {"x@far.example": gone, "y@near.example": gone, "z@far.example": ("pending", None)}
    assert await outbound.finish([sending], Status.SENT) == 0
    assert spooled(store) == [b"of somebody else\r\n"]
    logged = [(each.recipient, each.outcome, each.error_message) for each in await store.read(delivery_log.list)]
    assert sorted(logged) == [("x@far.example", "bounced", gone[1]), ("y@near.example", "bounced", gone[1])]


async def test_the_row_that_was_put_off_is_due_at_its_time(
    store: Store, outbound: OutboundQueue, clock: FakeClock
) -> None:
    (entry_id,) = await put(store, "x@far.example")
    await outbound.claim(10)
    await store.write(
        queue_record.record, "worker-1", [Settled(entry_id, Event.DEFER, next_attempt=LATER, text="busy")]
    )
    await clock.advance(3599)
    assert await outbound.claim(10) == []
    await clock.advance(1)
    (entry,) = await outbound.claim(10)
    await outbound.finish([entry], Status.FAILED, "550 no such user")
    assert spooled(store) == []
    entry = await outbound.show(entry_id)
    assert (entry.status, entry.attempts, entry.last_error) == ("failed", 2, "550 no such user")


async def test_deleting_removes_the_row_and_with_the_last_the_file(store: Store, outbound: OutboundQueue) -> None:
    first, second = await put(store, "x@far.example", "y@far.example")
    (other,) = await put(store, "z@far.example", message=b"Subject: another\r\n\r\n")
    await outbound.delete(first)
    assert len(spooled(store)) == 2
    await outbound.delete(second)
    assert spooled(store) == [b"Subject: another\r\n\r\n"]
    assert ids(await outbound.list()) == [other]
    for verb in (outbound.delete, outbound.show):
        with pytest.raises(NoSuchQueueEntry):
            await verb(first)


async def test_a_row_is_held_by_one_worker_until_its_lease_is_over(
    store: Store, outbound: OutboundQueue, clock: FakeClock
) -> None:
    await put(store, "x@far.example")
    second = OutboundQueue(store, "worker-2")
    (entry,) = await outbound.claim(10)
    assert (entry.status, entry.locked_by) == ("sending", "worker-1")
    assert await second.claim(10) == []
    await clock.advance(LEASE_SECONDS - 1)
    assert await second.claim(10) == []
    await clock.advance(1)
    assert ids(await second.claim(10)) == [entry.id]
    assert await outbound.finish([entry], Status.SENT) == 0  # it is no longer the first one's to end
    assert (await outbound.show(entry.id)).status == "sending"
    assert await second.finish([entry], Status.SENT) == 1


async def test_rows_are_claimed_in_the_order_they_came_due(store: Store, outbound: OutboundQueue) -> None:
    entries = await put(store, *(f"x@far{number}.example" for number in range(5)))
    await store.write(lambda tx: tx.run("UPDATE outbound_queue SET next_attempt = '2026-01-01 00:00:00' WHERE id = 4"))
    assert ids(await outbound.claim(3)) == [entries[3], entries[0], entries[1]]
    assert ids(await outbound.list(Status.PENDING)) == [entries[2], entries[4]]


async def test_an_old_row_of_the_first_schema_is_claimed_and_its_file_left_alone(
    store: Store, outbound: OutboundQueue, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not ours")

    def insert(tx: Tx) -> None:
        for path in (str(precious), "../../precious"):
            tx.insert(
                """INSERT INTO outbound_queue (sender, recipient, message_path, status, next_attempt)
                   VALUES ('a@example.test', 'b@far.example', ?, 'sending', '2026-01-01 00:00:00')""",
                path,
            )

    await store.write(insert)
    entries = await outbound.claim(10)
    assert len(entries) == 2
    await outbound.finish(entries, Status.SENT)
    assert precious.exists()


async def test_a_row_ends_as_sent_or_failed_only(store: Store, outbound: OutboundQueue) -> None:
    await put(store, "x@far.example")
    with pytest.raises(ValueError, match="pending"):
        await outbound.finish(await outbound.claim(1), Status.PENDING)


async def test_finished_rows_are_forgotten_after_their_days(store: Store, outbound: OutboundQueue) -> None:
    await put(store, "x@far.example", "y@near.example")
    await outbound.finish(await outbound.claim(1), Status.SENT)
    assert await store.write(queue.remove_finished, NOON) == 0
    assert await store.write(queue.remove_finished, NOON + 1) == 1
    assert len(await outbound.list()) == 1


async def test_the_same_octets_twice_are_one_file_until_both_are_done(store: Store, outbound: OutboundQueue) -> None:
    await put(store, "x@far.example")
    await put(store, "y@far.example")
    assert spooled(store) == [MESSAGE]
    assert list(store.maildir.staging.iterdir()) == []
    first, second = await outbound.claim(10)
    await outbound.finish([first], Status.SENT)
    assert spooled(store) == [MESSAGE]
    await outbound.finish([second], Status.SENT)
    assert spooled(store) == []


async def test_the_same_octets_again_survive_the_removal_of_the_first_being_repeated(
    store: Store, outbound: OutboundQueue
) -> None:
    await put(store, "x@far.example")
    await outbound.finish(await outbound.claim(1), Status.SENT)
    await put(store, "y@far.example")
    repeated = [row[0] for row in await store.read(jobs)]
    assert not any("Unspool" in job for job in repeated)  # a start would take the new file with it


async def test_four_processes_never_share_a_row(tmp_path: Path) -> None:
    data = migrated(tmp_path / "data")
    async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
        expected = await put(store, *(f"{number}@far.example" for number in range(10_000)))
        # the processes' clocks show this second or a later one
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.service.queue.claimer", str(data), f"worker-{number}",
                stdout=asyncio.subprocess.PIPE,
            )
            for number in range(4)
        ]  # fmt: skip
        outputs = [(await process.communicate())[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4
        claimed = sorted(int(entry_id) for output in outputs for entry_id in output.splitlines()[-1].split())
        assert claimed == expected
        assert spooled(store) == []


async def test_a_crash_between_commit_and_rename_loses_no_spool_file(store: Store, clock: FakeClock) -> None:
    (entry_id,) = await put(store, "x@far.example")
    name = (await store.read(queue.get, entry_id)).message_path
    # as the crash leaves it: the row, the promise, and the file still in staging
    key = store.new_key()
    (store.maildir.spool / name).rename(store.maildir.staging / key)
    await store.write(disk_jobs.add, disk_jobs.Spool(key, name))
    config = StoreConfig(min_free_bytes=0)
    async with await Store.open(store.data, clock, config=config, serving=True) as restarted:
        assert spooled(restarted) == [MESSAGE]
        assert list(restarted.maildir.staging.iterdir()) == []


def jobs(rx: Rx) -> list[tuple[str]]:
    return [(str(row[0]),) for row in rx.all("SELECT work FROM disk_jobs")]
