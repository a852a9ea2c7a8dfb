"""Content lines of cards: what is read of them, and what is refused at which line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.vcard.lines import BadCard, Card, Line, read, spans
from mailserver.vcard.values import content_line, escaped, folded, split, text
from tests.unit.vcard import samples


def card(*lines: str) -> Card:
    return read("\r\n".join(["BEGIN:VCARD", "VERSION:4.0", *lines, "END:VCARD", ""]).encode())


def only(line: str) -> Line:
    [found] = card(line).lines
    return found


@pytest.mark.parametrize(
    ("line", "group", "name", "parameters", "value"),
    [
        ("FN:Ann", None, "FN", (), "Ann"),
        ("fn:", None, "FN", (), ""),
        ("item1.email:a@x.test", "item1", "EMAIL", (), "a@x.test"),
        ("URL:http://a:80/;b,c", None, "URL", (), "http://a:80/;b,c"),
        ('X;A="b:c;d,e":v', None, "X", (("A", ("b:c;d,e",)),), "v"),
        ("TEL;TYPE=home,work:1", None, "TEL", (("TYPE", ("home", "work")),), "1"),
        ("TEL;HOME;VOICE:1", None, "TEL", (("TYPE", ("HOME",)), ("TYPE", ("VOICE",))), "1"),  # 2.1 habits
        ("GEO;X-ADDRESS=\"^'Main^' St^nTown^^\":geo:1,2", None, "GEO", (("X-ADDRESS", ('"Main" St\nTown^',)),),
         "geo:1,2"),
        ('X;A=b"c:v', None, "X", (("A", ("b", "c")),), "v"),  # a quote without its other half
        ("NOTE;ENCODING=QUOTED-PRINTABLE:a=3Db=C3=BC", None, "NOTE", (("ENCODING", ("QUOTED-PRINTABLE",)),), "a=bü"),
    ],
)  # fmt: skip
def test_a_line_is_read(
    line: str, group: str | None, name: str, parameters: tuple[tuple[str, tuple[str, ...]], ...], value: str
) -> None:
    found = only(line)
    assert (found.group, found.name, found.parameters, found.value) == (group, name, parameters, value)


def test_folds_are_undone_also_inside_a_character() -> None:
    octets = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Jörg\r\nEND:VCARD\r\n".encode().replace(b"\xc3\xb6", b"\xc3\r\n \xb6")
    assert read(octets).lines[0].value == "Jörg"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r\r\n"])
def test_line_ends_of_all_systems_are_read(end: str) -> None:
    octets = end.join(["\ufeffBEGIN:VCARD", "VERSION:3.0", "", "FN:A", " nn", "END:VCARD", "", ""]).encode()
    assert [line.value for line in read(octets).lines] == ["Ann"]


def test_a_base64_block_of_2_1_needs_no_indentation() -> None:
    found = card("PHOTO;JPEG;ENCODING=BASE64:AAAA", "BBBB", "CC==", "", "X:y")
    assert [(line.name, line.value) for line in found.lines] == [("PHOTO", "AAAABBBBCC=="), ("X", "y")]


def test_a_card_inside_a_card_is_not_its_own() -> None:
    found = card("AGENT:", "BEGIN:VCARD", "VERSION:2.1", "FN:Agent", "END:VCARD", "FN:Boss")
    assert [(line.name, line.value) for line in found.lines] == [("AGENT", ""), ("FN", "Boss")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1: a vCard starts with BEGIN:VCARD"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "line 1: a vCard starts with BEGIN:VCARD"),
        (b"BEGIN:VCARD\r\nFN:a\r\n", "line 2: END:VCARD is missing"),
        (b"BEGIN:VCARD\r\nFN a\r\nEND:VCARD\r\n", "line 2: not a content line: NAME:value"),
        (b"BEGIN:VCARD\r\nFN:a\r\nX:\0\r\nEND:VCARD\r\n", "line 3: a control character"),
        (b"BEGIN:VCARD\r\nFN:a\rb\r\nEND:VCARD\r\n", "line 2: a control character"),
        (b"BEGIN:VCARD\r\nFN:a\r\nX:\xff\r\nEND:VCARD\r\n", "line 3: not UTF-8"),
        (b"BEGIN:VCARD\r\nBEGIN:VCARD\r\nEND:VCARD\r\nEND:VCARD\r\n", "line 2: BEGIN:VCARD inside a vCard"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\nBEGIN:VCARD\r\nEND:VCARD\r\n",
         "line 3: one vCard only: something follows END:VCARD"),
        (b"BEGIN:VCARD\r\nX" + b";A=b" * 201 + b":v\r\nEND:VCARD\r\n", "line 2: more than 200 parameters"),
        (b"BEGIN:VCARD\r\n" + b"X:y\r\n" * 20_001 + b"END:VCARD\r\n", "line 20003: more than 20000 lines"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)  # fmt: skip
def test_what_is_no_card_is_refused_at_its_line(data: bytes, said: str) -> None:
    with pytest.raises(BadCard) as refused:
        read(data)
    assert str(refused.value) == said


def test_the_cards_of_a_stream_have_their_octets_and_lines() -> None:
    stream = b"\xef\xbb\xbf" + samples.IOS + b"\r\nnoise\r\n" + samples.OUTLOOK_21 + samples.GROUP_4
    found = list(spans(stream))
    assert [stream[span.start : span.end] for span in found] == [samples.IOS, samples.OUTLOOK_21, samples.GROUP_4]
    assert [stream[: span.start].count(b"\n") + 1 for span in found] == [span.number for span in found]
    assert {span.fault for span in found} == {None}


def test_a_card_without_an_end_does_not_swallow_the_next() -> None:
    stream = b"BEGIN:VCARD\r\nFN:a\r\n" + samples.GROUP_4 + b"BEGIN:VCARD\r\n"
    assert [span.fault for span in spans(stream)] == ["END:VCARD is missing", None, "END:VCARD is missing"]


def test_an_agent_stays_in_its_card() -> None:
    stream = b"BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nEND:VCARD\nFN:a\nEND:VCARD\n" * 2
    assert [(span.start, span.end) for span in spans(stream)] == [
        (0, len(stream) // 2),
        (len(stream) // 2, len(stream)),
    ]


def refused_at(data: bytes) -> int | None:
    """The line, None where it is read."""
    try:
        read(data)
    except BadCard as fault:
        return fault.number
    return None


@given(st.binary(max_size=300))
def test_reading_raises_nothing_but_its_own_refusal(octets: bytes) -> None:
    data = b"BEGIN:VCARD\r\nVERSION:3.0\r\n" + octets + b"\r\nEND:VCARD\r\n"
    list(spans(data))
    assert refused_at(data) is None or refused_at(data) in range(1, data.count(b"\n") + 2)


@given(st.sampled_from(samples.ACCEPTED), st.data())
def test_a_damaged_card_is_read_or_refused(card: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(card)))
    damaged = card[:at] + data.draw(st.binary(max_size=3)) + card[at + data.draw(st.integers(0, 3)) :]
    assert refused_at(damaged) is None or refused_at(damaged) in range(1, damaged.count(b"\n") + 2)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "evil",
    [
        b'X;A="' * 100_000,
        b"X" + b'""' * 100_000,
        b"A." * 200_000,
        b"NOTE;QUOTED-PRINTABLE:=\r\n" + b"=\r\n" * 200_000,
        b"PHOTO;BASE64:" + b"AAAA=\r\n" * 200_000,
        b"X;A=" + b"," * 400_000 + b":",
        b" \r\n" * 200_000,
        b"X:" + b"\\" * 400_000,
    ],
    ids=["quotes", "pairs", "groups", "soft breaks", "blocks", "commas", "blanks", "backslashes"],
)
def test_reading_is_linear(evil: bytes) -> None:
    data = b"BEGIN:VCARD\r\nVERSION:3.0\r\n" + evil + b"\r\nEND:VCARD\r\n"
    list(spans(data))
    try:
        found = read(data)
    except BadCard:
        return
    assert all(split(line.value, ";") for line in found.lines)


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"], whitelist_characters="\n"), max_size=200))
def test_text_written_is_read_again(written: str) -> None:
    line = only(content_line("NOTE", escaped(written)).removesuffix("\r\n"))
    assert text(line.value) == written
    assert len(split(line.value, ";")) == len(split(line.value, ",")) == 1


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=200))
def test_no_folded_line_is_longer_than_75_octets(written: str) -> None:
    lines = folded("X:" + written).encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"".join([lines[0], *(line[1:] for line in lines[1:])]).decode() == "X:" + written


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a;b", ["a", "b"]),
        (r"a\;b;c", [r"a\;b", "c"]),
        (r"a\\;b", [r"a\\", "b"]),
        ("", [""]),
        ("a\\", ["a\\"]),
        (r"\n;", [r"\n", ""]),
    ],
)  # fmt: skip
def test_parts_are_split_at_what_is_not_escaped(value: str, parts: list[str]) -> None:
    assert split(value, ";") == parts
