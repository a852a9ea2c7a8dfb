"""Messages for people elsewhere are mail in the outbound queue, once, whatever happens between."""

import email
import itertools
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default

import pytest

from mailserver.config.tree import Config, DkimConfig, ServerConfig
from mailserver.daemon.scheduling_post import SchedulingPost
from mailserver.dkim.sign import Signer
from mailserver.errors import InsufficientStorage
from mailserver.groupware.scheduling.letters import Letter
from mailserver.groupware.scheduling.posting import RETRY_SECONDS, Post, Posting
from mailserver.ical import itip_tree
from mailserver.ical.itip_parties import components
from mailserver.store import aliases, queue
from mailserver.store.database import Tx
from mailserver.store.scheduling_mail import Waiting
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.scheduling.house import HOSTNAME, House
from tests.unit.ical.itip_samples import ANNA, BOTH, CLEO, attending, calendar, event

OUTSIDE = calendar(event(BOTH[0], attending(CLEO), summary="Plänung"))


def make(store: Store, clock: FakeClock, post: Post | None = None, per_hour: int = 0) -> Posting:
    del per_hour
    counter = itertools.count(1)
    config = Config(server=ServerConfig(hostname=HOSTNAME))

    def random(octets: int) -> bytes:
        return next(counter).to_bytes(octets, "big")

    ours = SchedulingPost(store, clock, Signer(store, clock, DkimConfig()), config, random)
    return Posting(store, clock, HOSTNAME, post or ours, random)


async def sent(store: Store) -> list[tuple[queue.Entry, EmailMessage]]:
    found = []
    for entry in await store.read(queue.list):
        message = email.message_from_bytes((store.maildir.spool / entry.message_path).read_bytes(), policy=default)
        assert isinstance(message, EmailMessage)
        found.append((entry, message))
    return found


async def test_an_invitation_leaves_as_mail_that_people_and_programs_read(house: House, clock: FakeClock) -> None:
    await house.put(ANNA, OUTSIDE)
    assert await make(house.store, clock).post_all()
    [(entry, message)] = await sent(house.store)
    assert (entry.sender, entry.recipient, entry.user_id) == (ANNA, CLEO, house.ids[ANNA])
    assert message["From"] == f"Anna <{ANNA}>"
    assert str(message["Subject"]).startswith("Invitation: Plänung (Tuesday, 10 March 2026")
    assert message["Auto-Submitted"] is None
    assert message.get_content_type() == "multipart/mixed"
    alternative, attachment = message.iter_parts()
    plain, rich, invite = alternative.iter_parts()  # type: ignore[attr-defined]
    assert "invites you to" in plain.get_content()
    assert "<table>" in rich.get_content()
    assert invite["Content-Type"].params == {"method": "REQUEST", "charset": "utf-8"}
    assert attachment.get_filename() == "invite.ics"
    for each in (invite.get_payload(decode=True), attachment.get_payload(decode=True)):
        [component] = components(itip_tree.parse(each))
        assert component.value("SUMMARY") == "Plänung"
    assert await house.mail() == []


async def test_a_refusal_that_may_pass_is_tried_again(house: House, clock: FakeClock) -> None:
    class Full:
        left = 1

        async def send(self, waiting: Waiting, letter: Letter, check: Callable[[Tx], None]) -> None:
            if self.left:
                self.left -= 1
                raise InsufficientStorage
            await house.store.write(check)

    await house.put(ANNA, OUTSIDE)
    posting = make(house.store, clock, Full())
    assert not await posting.post_all()
    assert len(await house.mail()) == 1
    assert RETRY_SECONDS > 0
    assert await posting.post_all()
    assert await house.mail() == []


async def test_nobody_is_invited_twice(house: House, clock: FakeClock) -> None:
    """Two that send at the same time, as after a foreign commit."""
    await house.put(ANNA, OUTSIDE)
    one, other = make(house.store, clock), make(house.store, clock)
    [waiting] = await house.mail()
    assert await one._post_one(waiting)
    assert await other._post_one(waiting)
    assert len(await sent(house.store)) == 1


@pytest.mark.parametrize("organizer", ["team@example.org"])
async def test_an_address_taken_away_since_sends_nothing(house: House, clock: FakeClock, organizer: str) -> None:
    await house.store.write(aliases.add, organizer, [ANNA])
    await house.put(ANNA, calendar(event(attending(CLEO), organizer=f"ORGANIZER:mailto:{organizer}\n")))
    await house.store.write(aliases.remove, organizer)
    assert await make(house.store, clock).post_all()
    assert await sent(house.store) == []
    assert await house.mail() == []


async def test_a_row_that_is_added_wakes_who_sends(house: House, clock: FakeClock) -> None:
    import asyncio

    queued = asyncio.Event()
    unsubscribe = house.store.subscribe(lambda event: queued.set() if type(event).__name__ == "QueueChanged" else None)
    posting = make(house.store, clock)
    posting.start()
    await house.put(ANNA, OUTSIDE)
    async with asyncio.timeout(10):
        await queued.wait()
    await posting.stop()
    unsubscribe()
    assert await house.mail() == []
