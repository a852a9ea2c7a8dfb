"""Mail that is accepted for submission is remembered in completion; what is refused is not."""

import pytest

from mailserver.config.tree import DeliveryConfig, DkimConfig, QueueConfig, SmtpConfig
from mailserver.delivery.submission import Submission
from mailserver.dkim.sign import Signer
from mailserver.errors import Refusal
from mailserver.groupware.contacts.collecting import Collecting
from mailserver.store import correspondents
from tests.service.delivery.house import ANN, BOB, HOST, House


@pytest.fixture
def collecting(house: House) -> House:
    submission = Submission(
        house.store,
        house.clock,
        HOST,
        SmtpConfig(submission_per_hour=10),
        DeliveryConfig(),
        QueueConfig(),
        Signer(house.store, house.clock, DkimConfig()),
        collector=Collecting(True),
    )
    house.submission = submission
    return house


async def known(house: House) -> list[tuple[str, str]]:
    listed = await house.store.read(correspondents.list, house.ann.user_id)
    return sorted((each.address, each.name) for each in listed)


MESSAGE = b'From: ann@example.test\r\nTo: "Jo Doe" <jo@far.example>\r\nSubject: x\r\n\r\nx\r\n'


async def test_recipients_here_and_elsewhere_are_remembered(collecting: House) -> None:
    await collecting.submit(MESSAGE, [BOB, "jo@far.example", "hidden@far.example"])
    assert await known(collecting) == [(BOB, ""), ("hidden@far.example", ""), ("jo@far.example", "Jo Doe")]


async def test_oneself_is_not(collecting: House) -> None:
    await collecting.submit(MESSAGE, [ANN])
    assert await known(collecting) == []


async def test_what_is_refused_is_not(collecting: House) -> None:
    with pytest.raises(Refusal):
        await collecting.submit(MESSAGE, [f"{number}@far.example" for number in range(11)])
    assert await known(collecting) == []


async def test_a_read_receipt_is_not(collecting: House) -> None:
    await collecting.submit(MESSAGE, ["jo@far.example"], "")
    assert await known(collecting) == []
