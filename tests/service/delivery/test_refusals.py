"""Why mail did not come in stands in the delivery log."""

import pytest

from mailserver.delivery import refusals
from mailserver.delivery.refusals import Refusals
from mailserver.errors import InsufficientStorage, NoSuchUser, OverQuota, SenderNotOwned
from mailserver.store import delivery_log
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.store import Store
from tests.service.delivery.house import CLIENT, PEER


async def rows(store: Store) -> list[Delivery]:
    """Oldest first."""
    return (await store.read(delivery_log.list))[::-1]


async def test_a_refusal_for_good_is_rejected_and_one_for_now_deferred(store: Store) -> None:
    noted = Refusals(store)
    noted.add(PEER, "x@far.example", ["nobody@example.test"], NoSuchUser())
    noted.add(PEER, "", ["ann@example.test", "bob@example.test"], OverQuota())
    noted.add(CLIENT, "boss@example.test", [""], SenderNotOwned())
    await noted.close()
    found = [(r.sender, r.recipient, r.outcome, r.direction, r.smtp_code, r.error_message) for r in await rows(store)]
    full = (Outcome.DEFERRED, Direction.INBOUND, 452, "4.2.2 The mailbox is full")
    assert found == [
        ("x@far.example", "nobody@example.test", "rejected", "inbound", 550, "5.1.1 No such user here"),
        ("", "ann@example.test", *full),
        ("", "bob@example.test", *full),
        (
            "boss@example.test",
            "",
            "rejected",
            "outbound",
            553,
            "5.7.1 This sender address does not belong to the account",
        ),
    ]


async def test_nothing_is_written_to_a_full_disk(store: Store) -> None:
    noted = Refusals(store)
    noted.add(PEER, "x@far.example", ["ann@example.test"], InsufficientStorage())
    await noted.close()
    assert await rows(store) == []


async def test_a_flood_is_cut_off_and_the_log_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MAX_UNWRITTEN", 3)
    noted = Refusals(store)
    for number in range(10):
        noted.add(PEER, "", [f"u{number}@example.test"], NoSuchUser())
    await noted.close()
    assert [row.recipient for row in await rows(store)] == [f"u{number}@example.test" for number in range(3)]
    noted.add(PEER, "", ["later@example.test"], NoSuchUser())
    await noted.close()
    assert (await rows(store))[-1].recipient == "later@example.test"
