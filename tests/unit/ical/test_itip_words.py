"""What people read who only have mail."""

import pytest

from mailserver.ical import itip_tree
from mailserver.ical.itip_messages import Method
from mailserver.ical.itip_words import Words, rule_words, words
from tests.unit.ical.itip_samples import ANNA, BEN, THREE, WEEKLY, attending, calendar, event


def said(method: Method, text: str, sender: str = ANNA, **kwargs: bool) -> Words:
    return words(method, itip_tree.parse(calendar(text)), sender, **kwargs)


def test_an_invitation_says_who_what_when_and_where() -> None:
    more = "LOCATION:Room 4\\, second floor\nDESCRIPTION:Bring\\nyour notes\n" + WEEKLY
    got = said(Method.REQUEST, event(*THREE, more=more))
    assert got.subject == "Invitation: Planning (Tuesday, 10 March 2026, 10:00 – 11:00 (Europe/Berlin))"
    assert got.text == (
        "Anna invites you to:\n"
        "\n"
        "What:    Planning\n"
        "When:    Tuesday, 10 March 2026, 10:00 – 11:00 (Europe/Berlin)\n"
        "Repeats: every week, 5 times\n"
        "Where:   Room 4, second floor\n"
        "Who:     Anna (organizer), ben@, cleo\n"
        "\n"
        "Bring\nyour notes\n"
    )


@pytest.mark.parametrize(
    ("start", "end", "more", "expected"),
    [
        (":20260310T090000Z", ":20260310T100000Z", "", "Tuesday, 10 March 2026, 09:00 – 10:00 (UTC)"),
        (":20260310T090000", ":20260311T100000", "", "Tuesday, 10 March 2026, 09:00 – Wednesday, 11 March 2026, 10:00"),
        (";VALUE=DATE:20260310", ";VALUE=DATE:20260311", "", "Tuesday, 10 March 2026"),
        (";VALUE=DATE:20260310", ";VALUE=DATE:20260313", "", "Tuesday, 10 March 2026 – Thursday, 12 March 2026"),
        (":not a time", ":20260310T100000Z", "", ""),
    ],
)
def test_when(start: str, end: str, more: str, expected: str) -> None:
    facts = dict(said(Method.REQUEST, event(*THREE, start=start, end=end, more=more)).facts)
    assert facts.get("When", "") == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;INTERVAL=2;UNTIL=20260401T000000Z", "every 2 weeks until Wednesday, 1 April 2026"),
        ("FREQ=SECONDLY", "several times"),
        ("nonsense", "several times"),
    ],
)
def test_rules(rule: str, expected: str) -> None:
    assert rule_words(rule) == expected


@pytest.mark.parametrize(
    ("answer", "subject", "opening"),
    [
        ("ACCEPTED", "Accepted: Planning", "ben@ accepts:"),
        ("DECLINED", "Declined: Planning", "ben@ declines:"),
        ("X-ODD", "Answer: Planning", "ben@ has answered about:"),
    ],
)
def test_an_answer_names_itself(answer: str, subject: str, opening: str) -> None:
    got = said(Method.REPLY, event(attending(BEN, answer)), BEN)
    assert got.subject.startswith(subject)
    assert got.opening == opening


def test_a_title_that_is_none_and_one_over_lines() -> None:
    assert said(Method.REQUEST, event(*THREE, summary="")).subject.startswith("Invitation: (no title)")
    assert "\n" not in said(Method.CANCEL, event(*THREE, summary="a\\nb")).subject
