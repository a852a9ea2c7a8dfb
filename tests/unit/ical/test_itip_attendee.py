"""What an organizer hears of somebody invited, and what that person may not change. RFC 6638 §3.2.2"""

import pytest

from mailserver.ical import itip_attendee, itip_tree
from mailserver.ical.itip_parties import attendee, components, partstat
from mailserver.ical.itip_views import whole
from tests.unit.ical.itip_samples import (
    ANNA,
    BEN,
    CLEO,
    NOW,
    SECOND,
    WEEKLY,
    attending,
    calendar,
    event,
    second,
)

ALIAS = "benny@example.org"
OWN = frozenset({BEN, ALIAS})
KEY = "20260317T090000Z"
EXDATE = f"EXDATE{SECOND}\n"


def with_ben(answer: str) -> tuple[str, ...]:
    return (attending(ANNA, "ACCEPTED"), attending(BEN, answer), attending(CLEO))


def one(answer: str, **kwargs: object) -> bytes:
    return calendar(event(*with_ben(answer), **kwargs))  # type: ignore[arg-type]


def series(answer: str, *overrides: str, more: str = "") -> bytes:
    return calendar(event(*with_ben(answer), more=WEEKLY + more), *overrides)


def answers(before: bytes | None, after: bytes | None, **kwargs: bool) -> list[str]:
    trees = [None if each is None else itip_tree.parse(each) for each in (before, after)]
    found = itip_attendee.messages(trees[0], trees[1], OWN, NOW, **kwargs)
    for each in found:
        assert (each.method, each.sender, each.recipient) == ("REPLY", BEN, ANNA)
    return [
        f"{key or 'all'} {partstat(attendee(component, OWN))}"
        for each in found
        for key, component in whole(each.calendar).instances.items()
    ]


BY_CLIENT = f"ORGANIZER;SCHEDULE-AGENT=CLIENT:mailto:{ANNA}\n"
FORCED = f"ORGANIZER;SCHEDULE-FORCE-SEND=REPLY:mailto:{ANNA}\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (one("NEEDS-ACTION"), one("ACCEPTED"), ["all ACCEPTED"]),
        (one("ACCEPTED"), one("NEEDS-ACTION"), ["all NEEDS-ACTION"]),
        (one("ACCEPTED"), one("ACCEPTED", more="TRANSP:TRANSPARENT\n"), []),
        (one("ACCEPTED"), one("ACCEPTED", organizer=FORCED), ["all ACCEPTED"]),
        (one("NEEDS-ACTION", organizer=BY_CLIENT), one("ACCEPTED", organizer=BY_CLIENT), []),
        (None, one("ACCEPTED"), ["all ACCEPTED"]),
        (None, one("NEEDS-ACTION"), []),
        (one("ACCEPTED"), None, ["all DECLINED"]),
        (one("NEEDS-ACTION"), None, ["all DECLINED"]),
        (one("DECLINED"), None, []),
        (one("ACCEPTED", more="STATUS:CANCELLED\n"), None, []),
        # one instance
        (series("ACCEPTED"), series("ACCEPTED", second(*with_ben("DECLINED"))), [f"{KEY} DECLINED"]),
        (series("ACCEPTED"), series("ACCEPTED", second(*with_ben("ACCEPTED"))), []),
        (series("ACCEPTED", second(*with_ben("DECLINED"))), series("ACCEPTED"), [f"{KEY} ACCEPTED"]),
        (series("ACCEPTED"), series("ACCEPTED", more=EXDATE), [f"{KEY} DECLINED"]),
        (series("DECLINED"), series("DECLINED", more=EXDATE), []),
        (series("ACCEPTED", more=EXDATE), series("TENTATIVE", more=EXDATE), ["all TENTATIVE"]),
        (
            series("NEEDS-ACTION", second(*with_ben("NEEDS-ACTION"))),
            series("ACCEPTED", second(*with_ben("TENTATIVE"))),
            ["all ACCEPTED", f"{KEY} TENTATIVE"],
        ),
        (calendar(second(*with_ben("NEEDS-ACTION"))), calendar(second(*with_ben("ACCEPTED"))), [f"{KEY} ACCEPTED"]),
    ],
)
def test_what_the_organizer_hears(before: bytes | None, after: bytes | None, expected: list[str]) -> None:
    assert answers(before, after) == expected


def test_nobody_is_told_where_the_client_deletes_quietly() -> None:
    assert answers(one("ACCEPTED"), None, wants_reply=False) == []


def test_a_reply_names_nobody_else() -> None:
    trees = [itip_tree.parse(one(each, more="DESCRIPTION:secret\n")) for each in ("NEEDS-ACTION", "ACCEPTED")]
    [message] = itip_attendee.messages(trees[0], trees[1], OWN, NOW)
    text = message.data.decode()
    assert "METHOD:REPLY" in text
    assert "REQUEST-STATUS:2.0;Success" in text
    assert not any(each in text for each in (CLEO, "secret"))
    assert [each.value for each in components(message.calendar)[0].lines("ATTENDEE")] == [f"mailto:{BEN}"]


def test_an_alias_answers_as_the_alias() -> None:
    before, after = (itip_tree.parse(calendar(event(attending(ALIAS, each)))) for each in ("NEEDS-ACTION", "ACCEPTED"))
    [message] = itip_attendee.messages(before, after, OWN, NOW)
    assert message.sender == ALIAS


@pytest.mark.parametrize(
    ("before", "after", "forbidden"),
    [
        (one("NEEDS-ACTION"), one("ACCEPTED", more="TRANSP:OPAQUE\nX-A:1\nCOMMENT:late\nCATEGORIES:x\n"), None),
        (one("ACCEPTED"), one("ACCEPTED", stamp="20270101T000000Z", sequence=9), None),
        (one("ACCEPTED"), one("ACCEPTED", start=":20260310T090000Z", end=":20260310T100000Z"), None),
        (one("ACCEPTED", more="DESCRIPTION:a\\, b\\n\n"), one("ACCEPTED", more="DESCRIPTION:a\\, b\n"), None),
        (one("ACCEPTED"), one("ACCEPTED", start=":20260310T100000Z"), "DTSTART"),
        (one("ACCEPTED"), one("ACCEPTED", end=":20260310T120000Z"), "DTEND"),
        (one("ACCEPTED"), one("ACCEPTED", summary="Mine now"), "SUMMARY"),
        (one("ACCEPTED"), one("ACCEPTED", organizer=f"ORGANIZER:mailto:{CLEO}\n"), "ORGANIZER"),
        (one("ACCEPTED"), calendar(event(attending(BEN))), "ATTENDEE"),
        (one("ACCEPTED"), calendar(event(*with_ben("ACCEPTED")[:2], attending(CLEO, "DECLINED"))), None),
        (series("ACCEPTED"), series("ACCEPTED", more=EXDATE), None),
        (series("ACCEPTED", more=EXDATE), series("ACCEPTED"), "EXDATE"),
        (series("ACCEPTED"), series("ACCEPTED", second(*with_ben("DECLINED"))), None),
        (series("ACCEPTED"), series("ACCEPTED", second(*with_ben("DECLINED"), summary="Other")), "SUMMARY"),
        (series("ACCEPTED", second(*with_ben("DECLINED"))), series("ACCEPTED"), None),
        (series("ACCEPTED", second(*with_ben("DECLINED"), summary="Other")), series("ACCEPTED"), "RECURRENCE-ID"),
        (series("ACCEPTED"), one("ACCEPTED"), "RRULE"),
    ],
)
def test_what_is_the_organizers_stays_his(before: bytes, after: bytes, forbidden: str | None) -> None:
    assert itip_attendee.forbidden_change(itip_tree.parse(before), itip_tree.parse(after), OWN) == forbidden
