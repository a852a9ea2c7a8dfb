"""Files of calendars cut into objects, and objects made one file."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.ical.join import Joined, added
from mailserver.ical.lines import parse
from mailserver.ical.split import LeftOut, Piece, cut, split
from mailserver.ical.times import moment_of
from mailserver.ical.zones import Zones

OSLO = "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nBEGIN:STANDARD\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
ROME = OSLO.replace("Oslo", "Rome")


def event(*lines: str, name: str = "VEVENT") -> str:
    return "".join(f"{line}\r\n" for line in (f"BEGIN:{name}", *lines, f"END:{name}"))


def file(*components: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:PUBLISH\r\n{''.join(components)}END:VCALENDAR\r\n".encode()


def joined(*objects: bytes, name: str = "x") -> bytes:
    made = Joined(name)
    return b"".join((made.begin, *map(made.add, objects), made.end))


def test_each_uid_is_an_object_with_its_own_time_zones() -> None:
    first = event("UID:1", "DTSTART;TZID=Europe/Oslo:20260101T100000")
    todo = event("UID:2", 'DUE;TZID="Europe/Rome":20260101T100000', name="VTODO")
    moved = event("UID:1", "RECURRENCE-ID:20260101T100000Z")
    pieces = split(file(OSLO, ROME, first, todo, moved))
    assert [(piece.uid, piece.number) for piece in pieces] == [("1", 14), ("2", 18)]
    assert pieces[0].components == (first.encode(), moved.encode())
    assert pieces[0].zones == (OSLO.encode(),)
    assert pieces[1].zones == (ROME.encode(),)
    assert [piece.fault for piece in pieces] == [None, None]
    names = [part.name for part in parse(pieces[0].data).components]
    assert names == ["VTIMEZONE", "VEVENT", "VEVENT"]
    assert b"METHOD" not in pieces[0].data


def test_octets_stay_but_for_line_ends() -> None:
    text = event("UID:1", "SUMMARY:é\\, folded he", " re", "X-ODD;P=1:kept", "BEGIN:VALARM", "UID:alarm", "END:VALARM")
    [piece] = split(file(text).replace(b"\r\n", b"\n"))
    assert (piece.uid, piece.components) == ("1", (text.encode(),))


def test_a_folded_uid_is_read_whole_and_several_calendars_are_one_file() -> None:
    pieces = split(file(event("UID:a", " b")) + file(event("uid;X=1:2")) + file(event("UID:ab", "SUMMARY:x")))
    assert [(piece.uid, len(piece.components)) for piece in pieces] == [("ab", 2), ("2", 1)]


def test_what_has_no_uid_gets_the_same_one_each_time() -> None:
    one, other = (split(file(event(f"SUMMARY:{text}")))[0] for text in "xy")
    assert one == split(file(event("SUMMARY:x")))[0]
    assert one.uid != other.uid
    assert f"UID:{one.uid}\r\n".encode() in one.data


def test_what_breaks_off_spoils_itself_alone() -> None:
    good = event("UID:good")
    broken = file(event("UID:1"), "BEGIN:VEVENT\r\nUID:2\r\n") + file(good)
    assert [(piece.uid, piece.fault) for piece in split(broken)] == [
        ("1", None),
        ("2", "END:VCALENDAR where END:VEVENT is due"),
        ("good", None),
    ]
    assert split(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1")[0].fault == "END:VEVENT is missing"
    assert split(b"") == split(b"hello\r\n") == split(b"BEGIN:VEVENT\r\nEND:VEVENT\r\n") == []


def test_what_is_joined_is_cut_into_the_same_again() -> None:
    objects = [piece.data for piece in split(file(OSLO, event("UID:1", "DTSTART;TZID=Europe/Oslo:1"), event("UID:2")))]
    objects.append(split(file(OSLO, event("UID:3", "DTSTART;TZID=Europe/Oslo:2")))[0].data)
    whole = joined(*objects, name="A; \\ name")
    assert whole.count(b"BEGIN:VTIMEZONE") == 1
    assert b"X-WR-CALNAME:A\\; \\\\ name\r\n" in whole
    assert [piece.data for piece in split(whole)] == objects


CUSTOM = "Customized Time Zone"


def zone(offset: str, tzid: str = CUSTOM) -> str:
    rules = ("BEGIN:STANDARD", "DTSTART:16010101T000000", f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}")
    return event(f"TZID:{tzid}", *rules, "END:STANDARD", name="VTIMEZONE")


def at_ten(uid: str, *lines: str, tzid: str = CUSTOM) -> str:
    return event(f"UID:{uid}", f'DTSTART;TZID="{tzid}":20260101T100000', *lines)


def hours(piece: Piece) -> list[int]:
    """UTC, as each of its components begins."""
    root = parse(piece.data)
    starts = [part.line("DTSTART") for part in root.components if part.name == "VEVENT"]
    return [moment_of(start, Zones(root)).seconds(UTC) // 3600 % 24 for start in starts if start]


def test_a_zone_is_the_one_of_its_own_calendar() -> None:
    named_only = file(event("UID:3", f"DTSTART;TZID={CUSTOM}:20260101T100000"))
    pieces = split(file(zone("+0200"), at_ten("1")) + file(zone("-0500"), at_ten("2")) + named_only)
    assert [hours(piece) for piece in pieces] == [[8], [15], [8]]
    assert [piece.zones for piece in pieces] == [(zone(at).encode(),) for at in ("+0200", "-0500", "+0200")]


def test_an_object_spread_over_calendars_keeps_the_times_of_each_part() -> None:
    kept = (f"SUMMARY:a;TZID={CUSTOM}:x", "X-LONG:" + "x" * 90)
    moved = at_ten("1", "RECURRENCE-ID:20260102T080000Z", *kept)
    [piece] = split(file(zone("+0200"), at_ten("1")) + file(zone("-0500"), moved))
    assert hours(piece) == [8, 15]
    assert piece.components[0] == at_ten("1").encode()
    assert all(f"\r\n{line}\r\n".encode() in piece.components[1] for line in kept)


def test_a_zone_with_a_comma_in_its_name_goes_with_its_event() -> None:
    [piece] = split(file(zone("+0300", "Here\\, there"), at_ten("1", tzid="Here, there")))
    assert hours(piece) == [7]


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_zones_that_clash_stand_in_calendars_of_their_own(end: str) -> None:
    objects = [file(zone(at), at_ten(uid)) for uid, at in (("1", "+0200"), ("2", "-0500"), ("3", "-0500"))]
    whole = joined(*(each.replace(b"\r\n", end.encode()) if at else each for at, each in enumerate(objects)))
    assert whole.count(b"BEGIN:VCALENDAR") == whole.count(b"X-WR-CALNAME:x") == whole.count(b"END:VCALENDAR") == 2
    assert whole.count(b"BEGIN:VTIMEZONE") == 2  # the third shares the one of the second
    assert [piece.data for piece in split(whole)] == [split(each)[0].data for each in objects]
    assert [hours(piece) for piece in split(whole)] == [[8], [15], [15]]


def test_where_there_is_one_calendar_zones_that_clash_get_names() -> None:
    objects = [file(zone(at), at_ten(uid)) for uid, at in (("1", "+0200"), ("2", "-0500"), ("3", "-0500"))]
    objects.append(file(zone("+0100", "A\\, B"), at_ten("4", tzid="A, B")))
    objects.append(file(zone("+0900", "A\\, B"), at_ten("5", tzid="A, B")))
    zones: dict[bytes, bytes] = {}
    body = b"".join(added(each, zones) for each in objects)
    pieces = split(file(body.decode()))
    assert b"VCALENDAR" not in body
    assert [hours(piece) for piece in pieces] == [[8], [15], [15], [9], [1]]
    assert pieces[1].zones == pieces[2].zones
    assert body.count(b"BEGIN:VTIMEZONE") == len(zones) == 4
    assert max(map(len, body.split(b"\r\n"))) <= 75


def test_a_name_that_is_known_means_the_same_however_much_of_it_is_written_down() -> None:
    objects = [file(zone(at, "Europe/Oslo"), at_ten(at, tzid="Europe/Oslo")) for at in ("+0100", "+0200")]
    whole = joined(*objects)
    assert whole.count(b"BEGIN:VCALENDAR") == whole.count(b"BEGIN:VTIMEZONE") == 1
    assert [hours(piece) for piece in split(whole)] == [[9], [9]]


def test_a_zone_that_one_object_only_names_does_not_hide_the_rules_of_the_next() -> None:
    whole = joined(file(at_ten("1")), file(zone("+0200"), at_ten("2")))
    assert hours(split(whole)[1]) == [8]


NOTE = event("TEXT:mine", name="X-NOTE")


def test_a_component_of_its_maker_goes_with_the_object_beside_it() -> None:
    moved = event("UID:1", "RECURRENCE-ID:20260101T100000Z")
    [one, two] = split(file(NOTE, event("UID:1"), moved) + file(event("UID:2")))
    assert one.components == (NOTE.encode(), event("UID:1").encode(), moved.encode())
    assert two.components == (event("UID:2").encode(),)
    own = event("UID:2", name="X-NOTE")
    found = cut(file(event("UID:1"), event("UID:2"), own))
    assert ([len(piece.components) for piece in found.pieces], found.left_out) == ([1, 2], ())


def test_beside_many_objects_it_is_left_out_by_name() -> None:
    found = cut(file(event("UID:1"), NOTE, event("UID:2")))
    assert [(piece.uid, piece.fault, len(piece.components)) for piece in found.pieces] == [
        ("1", None, 1),
        ("2", None, 1),
    ]
    assert found.left_out == (LeftOut(7, "X-NOTE"),)


def test_what_is_joined_keeps_components_of_makers_with_their_objects() -> None:
    objects = [file(event("UID:1")), file(event("UID:2"), NOTE), file(event("UID:3"), NOTE), file(event("UID:4"))]
    found = cut(joined(*objects))
    assert [piece.data for piece in found.pieces] == [split(each)[0].data for each in objects]
    assert found.left_out == ()


@given(
    st.lists(st.sampled_from([b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"END:VEVENT", b"END:VCALENDAR", b"UID:1", b"x"]))
)
def test_no_file_is_too_odd(lines: list[bytes]) -> None:
    for piece in split(b"\r\n".join(lines)):
        assert piece.components
        assert piece.uid
