"""Content lines: folds, parameters, components, and what is refused with its line. RFC 5545 §3.1, RFC 6868."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import InvalidCalendarData
from mailserver.ical import lines, write


def calendar(*content: bytes, end: bytes = b"\r\n") -> bytes:
    return end.join((b"BEGIN:VCALENDAR", *content, b"END:VCALENDAR", b""))


PARAMS = [
    ("ATTENDEE:mailto:a@b.example", {}, "mailto:a@b.example"),
    ("attendee;cn=Ann:mailto:a@b.example", {"CN": ("Ann",)}, "mailto:a@b.example"),
    ('ATTENDEE;CN="Ann: the; one":mailto:a', {"CN": ("Ann: the; one",)}, "mailto:a"),
    ('ATTENDEE;MEMBER="mailto:a@x","mailto:b@x":v', {"MEMBER": ("mailto:a@x", "mailto:b@x")}, "v"),
    ("ATTENDEE;CN=George ^'Babe^' Ruth^^:v", {"CN": ('George "Babe" Ruth^',)}, "v"),  # RFC 6868 §3.2
    ("GEO;X-ADDRESS=Pirates^n17 Way:1;2", {"X-ADDRESS": ("Pirates\n17 Way",)}, "1;2"),
    ("GEO;X=^a:v", {"X": ("^a",)}, "v"),  # unknown carets stay
    ("DTSTART;TZID=Europe/Berlin;VALUE=DATE-TIME:x", {"TZID": ("Europe/Berlin",), "VALUE": ("DATE-TIME",)}, "x"),
    ("X;A=1,2;A=3:v", {"A": ("1", "2", "3")}, "v"),
    ("X;FLAG:v", {"FLAG": ("",)}, "v"),  # without "=": some programs write it
    ("X;A=:v", {"A": ("",)}, "v"),
    ("X:", {}, ""),
    ("DESCRIPTION:a:b;c=d", {}, "a:b;c=d"),
]


@pytest.mark.parametrize(("content", "params", "value"), PARAMS)
def test_parameters(content: str, params: dict[str, tuple[str, ...]], value: str) -> None:
    line = lines.parse(calendar(content.encode())).lines[0]
    assert (line.params, line.value) == (params, value)
    assert all(line.param(name) == values[0] for name, values in params.items())


def test_a_fold_inside_a_character_is_undone() -> None:
    octets = "SUMMARY:Käse".encode()
    cut = octets.index(b"\xa4")
    assert lines.parse(calendar(octets[:cut] + b"\r\n " + octets[cut:])).text("SUMMARY") == "Käse"


@pytest.mark.parametrize("fold", [b"\r\n ", b"\n ", b"\r\n\t", b"\r\n \r\n "])
def test_folds(fold: bytes) -> None:
    assert lines.parse(calendar(b"SUMM" + fold + b"ARY:a" + fold + b" b")).value("SUMMARY") == "a b"


def test_bare_lf_empty_lines_and_a_byte_order_mark_are_taken() -> None:
    data = b"\xef\xbb\xbf" + calendar(b"BEGIN:VEVENT", b"", b"UID:1", b"end:vevent", b"", end=b"\n") + b"\n\n"
    assert lines.parse(data).named("VEVENT")[0].value("UID") == "1"


def test_spans_lead_back_to_the_octets() -> None:
    event = b"BEGIN:VEVENT\r\nUID:1\r\nDESCRIPTION:a\r\n b\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    data = calendar(b"VERSION:2.0", event[:-2])
    root = lines.parse(data)
    (found,) = root.components
    assert data[slice(*found.span)] == event
    assert data[slice(*found.components[0].span)] == b"BEGIN:VALARM\r\nEND:VALARM\r\n"
    assert data[slice(*root.span)] == data
    assert lines.parse(data[:-2]).span == (0, len(data) - 2)  # no line end after the last line


REFUSED = [
    (b"", "there is no VCALENDAR in it"),
    (b"\r\n", "there is no VCALENDAR in it"),
    (b"hello", "line 1: not a content line: 'hello'"),
    (b"VERSION:2.0\r\n" + calendar(), "line 1: VERSION stands outside VCALENDAR"),
    (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "line 1: 'VEVENT' stands outside VCALENDAR"),
    (calendar() + calendar(), "there are several VCALENDAR in it"),
    (calendar() + b"X:1", "line 3: X stands outside VCALENDAR"),
    (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "line 2: BEGIN:VEVENT has no END"),
    (calendar(b"BEGIN:VEVENT"), "line 3: END:VCALENDAR where END:VEVENT is due"),
    (b"END:VCALENDAR\r\n", "line 1: END:VCALENDAR without BEGIN"),
    (calendar(b"X:1", b"SUMMARY:\0"), "line 3: a control character (0x00)"),
    (calendar(b"SUMMARY:a\rb"), "line 2: a control character (0x0d)"),
    (calendar(b"SUMMARY:\xff"), "line 2: not UTF-8"),
    (calendar(b"SUMMARY:\xed\xa0\x80"), "line 2: not UTF-8"),
    (calendar("SUMMARY:\uffff".encode()), "line 2: a character that is none (U+FFFE or U+FFFF)"),
    (calendar(b"SUMMARY"), "line 2: not a content line: 'SUMMARY'"),
    (calendar(b"X:1\n" * 100_001), "more than 100000 lines"),
    (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 100, "line 11: nested too deeply"),
    (calendar(b"BEGIN:X\nEND:X\n" * 20_001), "line 40000: too many components"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_not_be_read_is_refused_with_its_line(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidCalendarData) as refusal:
        lines.parse(data)
    assert refusal.value.text == reason


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=200)


@given(TEXTS, TEXTS)
def test_what_is_written_is_read_again(text: str, param: str) -> None:
    content = write.line("SUMMARY", write.escaped(text), {"X-P": param})
    read = lines.parse(calendar(content[:-2])).lines[0]
    assert (read.text, read.params) == (text, {"X-P": (param,)})
    assert all(len(line) <= write.MAX_LINE_OCTETS for line in content.split(b"\r\n"))
    for line in content.split(b"\r\n"):
        line.decode()  # no character is cut


@given(st.lists(TEXTS, max_size=5))
def test_lists_of_text_are_cut_at_bare_commas(texts: list[str]) -> None:
    kept = [text for text in texts if text]
    assert lines.text_list(",".join(map(write.escaped, kept))) == kept


def test_line_ends_in_text_become_backslash_n() -> None:
    assert write.escaped("a\r\nb\nc\rd") == "a\\nb\\nc\\nd"


def test_a_calendar_is_written_as_the_rfc_wants_it() -> None:
    made = write.calendar([write.component("VEVENT", [write.line("UID", "1")])], method="REPLY")
    assert made == (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailserver//calendars//EN\r\nCALSCALE:GREGORIAN\r\n"
        b"METHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert write.rewritten(lines.parse(made)) == made


def test_a_stream_has_many_calendars() -> None:
    assert [root.value("X") for root in lines.parse_stream(calendar(b"X:1") + calendar(b"X:2"))] == ["1", "2"]
