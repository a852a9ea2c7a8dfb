"""Messages change what is stored, or are overtaken by what is. RFC 5546 §2.1.5, §3.2"""

import pytest

from mailserver.ical import itip_incoming, itip_tree
from mailserver.ical.itip_incoming import Known, Verdict
from mailserver.ical.itip_parties import attendee, partstat
from mailserver.ical.itip_tree import Part
from mailserver.ical.itip_views import whole
from tests.unit.ical.itip_samples import (
    ANNA,
    BEN,
    BOTH,
    CLEO,
    SECOND,
    THREE,
    WEEKLY,
    attending,
    calendar,
    event,
    second,
)

OWN = frozenset({BEN})
KEY = "20260317T090000Z"
ALARM = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nDESCRIPTION:x\nEND:VALARM\n"


def tree(*components: str, method: str = "") -> Part:
    return itip_tree.parse(calendar(*components, method=method))


def taken(stored: Part | None, message: Part, *, is_complete: bool = True) -> Part:
    result = itip_incoming.request(stored, message, OWN, is_complete=is_complete)
    assert result.verdict is Verdict.DONE
    assert result.calendar is not None
    return result.calendar


def answer(calendar: Part, key: str = "", who: str = BEN) -> str:
    return partstat(attendee(whole(calendar).instances[key], {who}))


# ---- REQUEST ----


def test_an_invitation_is_stored_as_it_came_but_for_its_method() -> None:
    new = taken(None, tree(event(*BOTH), method="REQUEST"))
    assert new.render() == calendar(event(*BOTH))


def test_what_is_his_own_stays_through_an_update() -> None:
    mine = tree(event(BOTH[0], attending(BEN, "ACCEPTED"), more="TRANSP:TRANSPARENT\nCATEGORIES:Work\n" + ALARM))
    new = taken(mine, tree(event(*BOTH, summary="Other", more="TRANSP:OPAQUE\n"), method="REQUEST"))
    [component] = whole(new).instances.values()
    assert (component.value("SUMMARY"), component.value("TRANSP")) == ("Other", "TRANSPARENT")
    assert component.value("CATEGORIES") == "Work"
    assert [each.name for each in component.parts] == ["VALARM"]
    assert answer(new) == "ACCEPTED"


def test_a_new_time_asks_again() -> None:
    mine = tree(event(BOTH[0], attending(BEN, "ACCEPTED")))
    new = taken(mine, tree(event(*BOTH, start=":20260311T090000Z", sequence=1), method="REQUEST"))
    assert answer(new) == "NEEDS-ACTION"


@pytest.mark.parametrize(
    ("sequence", "stamp", "verdict"),
    [
        (1, "20260301T080000Z", Verdict.STALE),
        (2, "20260228T080000Z", Verdict.STALE),
        (2, "20260301T080000Z", Verdict.DONE),
        (2, "20260302T080000Z", Verdict.DONE),
        (3, "20260101T080000Z", Verdict.DONE),
    ],
)
def test_mail_that_was_overtaken_changes_nothing(sequence: int, stamp: str, verdict: Verdict) -> None:
    message = tree(event(*BOTH, sequence=sequence, stamp=stamp, summary="New"), method="REQUEST")
    assert itip_incoming.request(tree(event(*BOTH, sequence=2)), message, OWN, is_complete=False).verdict is verdict


def test_one_instance_by_mail_leaves_the_rest_of_the_series() -> None:
    stored = tree(event(*BOTH, more=WEEKLY))
    new = taken(stored, tree(second(*BOTH, summary="Moved"), method="REQUEST"), is_complete=False)
    assert {key: each.value("SUMMARY") for key, each in whole(new).instances.items()} == {"": "Planning", KEY: "Moved"}
    assert len([each for each in new.parts if each.name == "VTIMEZONE"]) == 1


def test_a_series_set_up_anew_forgets_its_old_instances() -> None:
    stored = tree(event(*BOTH, more=WEEKLY), second(*BOTH, summary="Moved"))
    anew = tree(event(*BOTH, more=WEEKLY, sequence=1, start=":20260311T090000Z"), method="REQUEST")
    assert [*whole(taken(stored, anew, is_complete=False)).instances] == [""]
    same = tree(event(*BOTH, more=WEEKLY, stamp="20260302T080000Z"), method="REQUEST")
    assert [*whole(taken(stored, same, is_complete=False)).instances] == ["", KEY]


# ---- CANCEL ----


def cancelled(stored: Part, *notice: str) -> Part:
    result = itip_incoming.cancel(stored, tree(*notice, method="CANCEL"))
    assert result.calendar is not None
    return result.calendar


def test_an_event_called_off_stays_and_says_so() -> None:
    new = cancelled(tree(event(BOTH[0], attending(BEN, "ACCEPTED"), more=ALARM)), event(sequence=1))
    component = whole(new).instances[""]
    assert (component.value("STATUS"), component.value("SEQUENCE")) == ("CANCELLED", "1")
    assert component.parts


def test_an_instance_called_off_is_excluded_as_the_series_writes_its_start() -> None:
    new = cancelled(tree(event(*BOTH, more=WEEKLY)), event(more="RECURRENCE-ID:20260317T090000Z\n"))
    [exdate] = whole(new).instances[""].lines("EXDATE")
    assert exdate.octets == b"EXDATE;TZID=Europe/Berlin:20260317T100000\r\n"


def test_a_changed_instance_called_off_says_so() -> None:
    new = cancelled(tree(event(*BOTH, more=WEEKLY), second(*BOTH)), second())
    assert {key: each.value("STATUS") for key, each in whole(new).instances.items()} == {"": "", KEY: "CANCELLED"}


@pytest.mark.parametrize(
    ("stored", "notice", "verdict"),
    [
        (None, event(), Verdict.UNKNOWN),
        (tree(event(*BOTH, sequence=2)), event(sequence=1), Verdict.STALE),
        (tree(event(*BOTH, more="STATUS:CANCELLED\n")), event(), Verdict.UNCHANGED),
        (tree(second(*BOTH)), event(more="RECURRENCE-ID:20260324T090000Z\n"), Verdict.UNKNOWN),
    ],
)
def test_a_cancel_that_changes_nothing(stored: Part | None, notice: str, verdict: Verdict) -> None:
    assert itip_incoming.cancel(stored, tree(notice, method="CANCEL")).verdict is verdict


# ---- REPLY ----


def replied(stored: Part, *components: str, known: Known | None = None) -> itip_incoming.Result:
    return itip_incoming.reply(stored, tree(*components, method="REPLY"), {BEN}, known or Known())


def test_a_reply_changes_one_line_and_no_other_octet() -> None:
    stored = tree(event(*THREE, more=ALARM))
    result = replied(stored, event(attending(BEN, "ACCEPTED"), summary="Not this", stamp="20260302T080000Z"))
    assert result.calendar is not None
    before, after = (each.render().replace(b"\r\n ", b"").split(b"\r\n") for each in (stored, result.calendar))
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert changed == [
        (
            b"ATTENDEE;CN=ben@;PARTSTAT=NEEDS-ACTION:mailto:ben@example.org",
            b"ATTENDEE;CN=ben@;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0:mailto:ben@example.org",
        )
    ]
    assert answer(result.calendar) == "ACCEPTED"
    assert result.answered == (("", "ACCEPTED", "20260302T080000Z"),)


def test_an_answer_for_one_instance_makes_an_override_of_it() -> None:
    stored = tree(event(*THREE, more=WEEKLY + ALARM))
    result = replied(stored, second(attending(BEN, "DECLINED")))
    assert result.calendar is not None
    seen = whole(result.calendar).instances
    assert [*seen] == ["", KEY]
    assert (answer(result.calendar), answer(result.calendar, KEY)) == ("NEEDS-ACTION", "DECLINED")
    assert answer(result.calendar, KEY, CLEO) == "NEEDS-ACTION"
    assert seen[KEY].value("DTEND") == "20260317T110000"
    assert not seen[KEY].parts


def test_an_answer_for_the_series_is_one_for_its_unanswered_instances() -> None:
    stored = tree(event(*BOTH, more=WEEKLY), second(*BOTH, summary="Moved"))
    result = replied(stored, event(attending(BEN, "ACCEPTED")))
    assert result.calendar is not None
    assert (answer(result.calendar), answer(result.calendar, KEY)) == ("ACCEPTED", "ACCEPTED")


SENT = Known(sent_sequence=2, stamps=(("", "20260302T080000Z"),))


@pytest.mark.parametrize(
    ("components", "verdict"),
    [
        ([event(attending(BEN, "ACCEPTED"), sequence=1, stamp="20260303T080000Z")], Verdict.STALE),
        ([event(attending(BEN, "ACCEPTED"), sequence=2, stamp="20260301T080000Z")], Verdict.STALE),
        ([event(attending(BEN, "ACCEPTED"), sequence=2, stamp="20260303T080000Z")], Verdict.DONE),
        ([event(attending(BEN, "ACCEPTED"), stamp="20260303T080000Z").replace("SEQUENCE:0\n", "")], Verdict.DONE),
        ([event(attending("other-name@example.org", "ACCEPTED"), sequence=2, stamp="20260303T080000Z")], Verdict.DONE),
        ([event(attending(ANNA, "ACCEPTED"), attending(CLEO), sequence=2, stamp="20260303T080000Z")], Verdict.UNKNOWN),
        ([event(more=f"RECURRENCE-ID{SECOND}\n", sequence=2, stamp="20260303T080000Z")], Verdict.UNKNOWN),
    ],
)
def test_which_replies_count(components: list[str], verdict: Verdict) -> None:
    assert replied(tree(event(*THREE, sequence=2)), *components, known=SENT).verdict is verdict


@pytest.mark.parametrize(
    ("series", "moment", "is_there"),
    [
        (WEEKLY, SECOND, True),
        (WEEKLY, ":20260317T090000Z", True),
        (WEEKLY, ";VALUE=DATE:20260317", True),  # some clients say the day alone
        (WEEKLY, ";TZID=Europe/Berlin:20260317T110000", False),
        (WEEKLY, ";TZID=Europe/Berlin:20260318T100000", False),
        (WEEKLY, ";TZID=Europe/Berlin:20260414T100000", False),  # after the last one
        (WEEKLY, ";TZID=Europe/Berlin:20260303T100000", False),  # before the first one
        (WEEKLY, ":99991231T235959Z", False),
        (WEEKLY, ":nonsense", False),
        ("RDATE;TZID=Europe/Berlin:20260317T100000\n", SECOND, True),
        ("", SECOND, False),  # no series at all
        ("", ";TZID=Europe/Berlin:20260310T100000", False),
        ("RRULE:FREQ=SECONDLY;COUNT=1000000000\n", SECOND, True),
    ],
)
def test_messages_about_what_is_no_instance_are_ignored(series: str, moment: str, is_there: bool) -> None:
    stored = tree(event(*BOTH, more=series))
    about = f"RECURRENCE-ID{moment}\n"
    answered = replied(stored, event(attending(BEN, "ACCEPTED"), more=about, stamp="20260303T080000Z"))
    called_off = itip_incoming.cancel(stored, tree(event(*BOTH, more=about, sequence=1), method="CANCEL"))
    expected = Verdict.DONE if is_there else Verdict.UNKNOWN
    assert (answered.verdict, called_off.verdict) == (expected, expected)


def test_somebody_who_was_not_invited_changes_nothing() -> None:
    result = itip_incoming.reply(
        tree(event(*BOTH)), tree(event(attending("eve@example.net", "ACCEPTED"))), {"eve@example.net"}, Known()
    )
    assert (result.verdict, result.calendar) == (Verdict.UNKNOWN, None)


def test_other_copies_learn_the_answer() -> None:
    copy = tree(event(*THREE))
    new = itip_incoming.with_answers(copy, BEN, [("", "ACCEPTED", "")])
    assert new is not None
    assert answer(new) == "ACCEPTED"
    assert itip_incoming.with_answers(new, BEN, [("", "ACCEPTED", "")]) is None


@pytest.mark.parametrize(
    "written",
    [
        ";TZID=Europe/Berlin:20260317T100000",
        ";TZID=W. Europe Standard Time:20260317T100000",
        ";TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260317T100000",
        ":20260317T090000Z",
    ],
)
def test_one_instance_is_known_however_a_client_writes_its_moment(written: str) -> None:
    stored = tree(event(*THREE, more=WEEKLY), second(*THREE, summary="Moved"))
    result = replied(stored, event(attending(BEN, "ACCEPTED"), more=f"RECURRENCE-ID{written}\n"))
    assert result.calendar is not None
    assert answer(result.calendar, KEY) == "ACCEPTED"
    assert len(whole(result.calendar).instances) == 2
