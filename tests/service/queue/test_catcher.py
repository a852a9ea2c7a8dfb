"""The demo's catcher: what would leave the machine ends in a local folder, once."""

from mailbox import Maildir
from pathlib import Path

import pytest

from mailserver.queue.catcher import Catcher
from mailserver.remote.consignment import Consignment, Verdict
from mailserver.store import queue_claim
from mailserver.store.store import Store
from tests.service.queue.test_queue import put


@pytest.fixture
def catcher(store: Store, tmp_path: Path) -> Catcher:
    return Catcher(store, tmp_path / "caught")


async def consignment(store: Store) -> Consignment:
    entries = await store.write(queue_claim.claim, "w", 10, 60_000)
    return Consignment(tuple(entries), "far.example")


async def test_mail_is_caught_with_its_envelope(store: Store, catcher: Catcher, tmp_path: Path) -> None:
    await put(store, "x@far.example", "y@far.example", message=b"Subject: two\r\n\r\nbody\r\n")
    results = await catcher.carry(await consignment(store))
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 2
    [caught] = [path.read_bytes() for path in (tmp_path / "caught/new").iterdir()]
    assert caught == (
        b"X-Caught-Sender: <ann@example.test>\r\nX-Caught-Recipient: <x@far.example>\r\n"
        b"X-Caught-Recipient: <y@far.example>\r\nSubject: two\r\n\r\nbody\r\n"
    )
    assert [message["Subject"] for message in Maildir(tmp_path / "caught", create=False)] == ["two"]


@pytest.mark.parametrize("path", ["0" * 64, "../../../../../../etc/hostname", "/etc/hostname", ""])
async def test_a_row_without_its_file_fails(store: Store, catcher: Catcher, path: str) -> None:
    await put(store, "x@far.example")
    await store.write(lambda tx: tx.run("UPDATE outbound_queue SET message_path = ?", path))
    [result] = await catcher.carry(await consignment(store))
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert result.attempt.text == "The spool file is missing"


async def test_a_folder_that_can_not_be_written_puts_mail_off(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    await put(store, "x@far.example")
    [result] = await Catcher(store, tmp_path / "file").carry(await consignment(store))
    assert result.verdict is Verdict.DEFERRED
