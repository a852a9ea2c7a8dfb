"""A tree gives back the octets it was read from, whatever they are, and edits touch one line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.errors import InvalidCalendarData
from mailserver.ical import itip_tree
from mailserver.ical.itip_parties import components, with_attendee
from tests.unit.ical.itip_samples import BEN, BOTH, calendar, event

ODD = (
    b'BEGIN:VCALENDAR\nBEGIN:VEVENT\r\nX-ODD;a=1;B="x;y:z",k:v\\nw\r\nDESCRIPTION:lo\r\n ng\r\n\tline\n\r\n'
    b'ATTENDEE;CN="Be^\'n, B.";partstat=NEEDS-ACTION:MAILTO:Ben@Example.ORG\nend:vevent\r\nEND:VCALENDAR'
)


@pytest.mark.parametrize("data", [ODD, calendar(event(*BOTH)), calendar(event(*BOTH)).replace(b"\r\n", b"\n")])
def test_nothing_changed_is_octet_for_octet_the_same(data: bytes) -> None:
    assert itip_tree.parse(data).render() == data


def test_one_parameter_changed_leaves_all_other_lines_alone() -> None:
    tree = itip_tree.parse(ODD)
    changed = tree.mapped(
        lambda each: with_attendee(each, {BEN}, {"PARTSTAT": "ACCEPTED"}) if isinstance(each, itip_tree.Part) else each
    ).render()
    before, after = ODD.split(b"ATTENDEE")[0], ODD.split(b"Example.ORG\n")[1]
    assert changed.startswith(before)
    assert changed.endswith(after)
    [line] = components(itip_tree.parse(changed))[0].lines("ATTENDEE")
    assert dict(line.params) == {"CN": ('Be"n, B.',), "PARTSTAT": ("ACCEPTED",)}
    assert line.value == "MAILTO:Ben@Example.ORG"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VCARD\r\nEND:VCARD\r\n",
        b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nno colon\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nSUMMARY:\xff\r\nEND:VCALENDAR\r\n",
        b"BEGIN:A\r\n" * 100,
    ],
)
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidCalendarData):
        itip_tree.parse(data)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_a_parameter_survives_being_written(text: str) -> None:
    written = itip_tree.line("ATTENDEE", "mailto:x@example.org", [("CN", (text,)), ("ROLE", ("CHAIR",))])
    data = b"BEGIN:VCALENDAR\r\n" + written.octets + b"END:VCALENDAR\r\n"
    assert max(map(len, data.split(b"\r\n"))) <= 75
    read = itip_tree.parse(data).first("ATTENDEE")
    assert read is not None
    assert (read.param("CN"), read.param("ROLE")) == (text, "CHAIR")
