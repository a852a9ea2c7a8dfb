"""Files of calendars cut into objects, and objects made one file."""

from hypothesis import given
from hypothesis import strategies as st

from mailserver.ical.lines import parse
from mailserver.ical.split import added, begin, split

OSLO = "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nBEGIN:STANDARD\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
ROME = OSLO.replace("Oslo", "Rome")


def event(*lines: str, name: str = "VEVENT") -> str:
    return "".join(f"{line}\r\n" for line in (f"BEGIN:{name}", *lines, f"END:{name}"))


def file(*components: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:PUBLISH\r\n{''.join(components)}END:VCALENDAR\r\n".encode()


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
    written: set[bytes] = set()
    whole = b"".join((begin("A; \\ name"), *(added(each, written) for each in objects), b"END:VCALENDAR\r\n"))
    assert whole.count(b"BEGIN:VTIMEZONE") == 1
    assert b"X-WR-CALNAME:A\\; \\\\ name\r\n" in whole
    assert [piece.data for piece in split(whole)] == objects


@given(
    st.lists(st.sampled_from([b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"END:VEVENT", b"END:VCALENDAR", b"UID:1", b"x"]))
)
def test_no_file_is_too_odd(lines: list[bytes]) -> None:
    for piece in split(b"\r\n".join(lines)):
        assert piece.components
        assert piece.uid
