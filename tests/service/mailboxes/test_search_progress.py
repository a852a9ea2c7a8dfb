"""A search that has to read files says how far it is."""

from mailserver.mail.search import Header
from mailserver.mailboxes.file_search import CHUNK
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import SearchView
from tests.service.mailboxes.conftest import Put


async def test_every_piece_read_is_told_with_the_whole(service: Mailboxes, user_id: int, put: Put) -> None:
    uids = [await put(b"X-Rarely-Asked: yes\r\n\r\nhello\r\n") for _ in range(CHUNK * 2 + 20)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    heard: list[tuple[int, int]] = []
    view = SearchView(uids, lambda _: False, at=lambda done, goal: heard.append((done, goal)))
    await service.search(index, Header("X-Rarely-Asked", "yes"), view)
    assert heard == [(CHUNK, len(uids)), (2 * CHUNK, len(uids)), (len(uids), len(uids))]
    service.release(index)
