"""addressbook-query filters: RFC 6352 §8.6, §10.5. And that narrowing never loses a card that passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.vcard.collations import Collation, How
from mailserver.vcard.filters import Filter, ParameterFilter, PropertyFilter, TextMatch, passes
from mailserver.vcard.lines import Card, read
from mailserver.vcard.narrowing import may_hold, needles, needles_anywhere, searched
from tests.unit.vcard import samples

JANE, RFC, GROUP = read(samples.IOS), read(samples.RFC_6350), read(samples.APPLE_GROUP)


def prop(name: str, *texts: TextMatch, **more: object) -> PropertyFilter:
    return PropertyFilter(name, texts=texts, **more)  # type: ignore[arg-type]


def text(
    value: str, how: How = How.CONTAINS, collation: Collation = Collation.UNICODE_CASEMAP, **more: bool
) -> TextMatch:
    return TextMatch(value, collation, how, **more)


def parameter(name: str, match: TextMatch | None = None, **more: bool) -> ParameterFilter:
    return ParameterFilter(name, match=match, **more)


@pytest.mark.parametrize(
    ("card", "wanted", "result"),
    [
        (JANE, prop("EMAIL"), True),  # grouped and not
        (JANE, prop("EMAIL", group="ITEM1"), True),
        (JANE, prop("TEL", group="ITEM1"), False),
        (JANE, prop("NICKNAME"), False),
        (JANE, prop("NICKNAME", is_not_defined=True), True),
        (JANE, prop("FN", is_not_defined=True), False),
        (JANE, prop("VERSION", text("3.0", How.EQUALS)), True),
        (JANE, prop("FN", text("jane")), True),
        (JANE, prop("FN", text("jane", collation=Collation.OCTET)), False),
        (JANE, prop("FN", text("Jane", collation=Collation.OCTET)), True),
        (JANE, prop("FN", text("dr. JANE q. doe", How.EQUALS)), True),
        (JANE, prop("FN", text("dr", How.STARTS_WITH)), True),
        (JANE, prop("FN", text("jane", How.STARTS_WITH)), False),
        (JANE, prop("FN", text("DOE", How.ENDS_WITH)), True),
        (JANE, prop("FN", text("Dr", How.ENDS_WITH)), False),
        (JANE, prop("ORG", text("Example, Inc.")), True),  # the escape is no part of it
        (JANE, prop("NOTE", text("line\nsecond")), True),
        (JANE, prop("EMAIL", text("home.example"), text("nobody")), True),  # anyof
        (JANE, prop("EMAIL", text("home.example"), text("nobody"), needs_all=True), False),
        (JANE, prop("EMAIL", text("jane"), text("home"), needs_all=True), False),  # no single address has both
        (JANE, prop("EMAIL", text("jane", is_negated=True)), True),  # one address without it
        (JANE, prop("FN", text("jane", is_negated=True)), False),
        (JANE, prop("NICKNAME", text("jane", is_negated=True)), False),  # there is no such property
        (JANE, prop("TEL", parameters=(parameter("TYPE"),)), True),
        (JANE, prop("FN", parameters=(parameter("TYPE"),)), False),
        (JANE, prop("FN", parameters=(parameter("TYPE", is_not_defined=True),)), True),
        (JANE, prop("TEL", parameters=(parameter("TYPE", text("cell", How.EQUALS)),)), True),
        (RFC, prop("TEL", parameters=(parameter("TYPE", text("cell", How.EQUALS)),)), True),  # TYPE="work,cell,…"
        (RFC, prop("TEL", parameters=(parameter("TYPE", text("fax")),)), False),
        (RFC, prop("EMAIL", text("viagenie"), parameters=(parameter("TYPE", text("home")),)), True),  # anyof
        (RFC, prop("EMAIL", text("viagenie"), parameters=(parameter("TYPE", text("home")),), needs_all=True), False),
        (GROUP, prop("X-ADDRESSBOOKSERVER-KIND", text("group", How.EQUALS)), True),
    ],
)  # fmt: skip
def test_a_property_passes(card: Card, wanted: PropertyFilter, result: bool) -> None:
    assert passes(card, Filter((wanted,))) is result


def test_any_or_all_properties_pass() -> None:
    both = (prop("FN", text("jane")), prop("FN", text("nobody")))
    assert passes(JANE, Filter(both))
    assert not passes(JANE, Filter(both, needs_all=True))
    assert passes(JANE, Filter())


@pytest.mark.parametrize(
    ("collation", "wanted", "value", "result"),
    [
        (Collation.ASCII_CASEMAP, "ÄB", "Äb", True),
        (Collation.ASCII_CASEMAP, "äb", "Äb", False),  # letters of ASCII only
        (Collation.UNICODE_CASEMAP, "äb", "ÄB", True),
        (Collation.UNICODE_CASEMAP, "STRASSE", "Straße", True),
        (Collation.UNICODE_CASEMAP, "Å", "A\u030a", True),
        (Collation.OCTET, "Å", "A\u030a", False),
    ],
)
def test_collations(collation: Collation, wanted: str, value: str, result: bool) -> None:
    assert text(wanted, How.EQUALS, collation).passes(value) is result


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), None),
        (Filter((prop("FN", text("Ann")),)), ("ann",)),
        (Filter((prop("FN", text("Ann")), prop("EMAIL", text("x")))), ("ann", "x")),
        (Filter((prop("FN", text("Ann")), prop("NOTE", text("x")))), None),
        (Filter((prop("FN", text("Ann")), prop("NOTE", text("x"))), needs_all=True), ("ann",)),
        (Filter((prop("FN", text("Ann", is_negated=True)),)), None),
        (Filter((prop("FN"),)), None),
        (Filter((prop("FN", text("")),)), None),
        (Filter((prop("FN", text("Ann"), parameters=(parameter("X"),)),)), None),
        (Filter((prop("FN", text("é", collation=Collation.OCTET)),)), None),
    ],
)
def test_needles(wanted: Filter, found: tuple[str, ...] | None) -> None:
    assert needles(wanted) == found


LETTERS = st.text("aAbBäÄßſ\u0301\u0323é,;\n", max_size=4)
MATCHES = st.builds(TextMatch, LETTERS, st.sampled_from(Collation), st.sampled_from(How), st.booleans())
PROPERTIES = st.builds(
    PropertyFilter,
    st.sampled_from(["FN", "EMAIL", "NOTE", "N"]),
    st.none(),
    st.booleans(),
    st.booleans(),
    st.lists(MATCHES, max_size=2).map(tuple),
)
FILTERS = st.builds(Filter, st.lists(PROPERTIES, max_size=3).map(tuple), st.booleans())


@given(FILTERS, st.lists(st.tuples(st.sampled_from(["FN", "EMAIL", "NOTE", "N"]), LETTERS), max_size=4))
def test_who_passes_is_never_left_out_by_narrowing(wanted: Filter, values: list[tuple[str, str]]) -> None:
    lines = [f"{name}:{value}".replace("\n", "\\n") for name, value in values]
    data = "\r\n".join(["BEGIN:VCARD", "VERSION:4.0", *lines, "END:VCARD"]).encode()
    card = read(data)
    narrow = needles(wanted)
    if passes(card, wanted) and narrow is not None:
        found = searched(card)
        assert found is not None
        assert any(needle in found for needle in narrow)
    anywhere = needles_anywhere(wanted)
    assert not passes(card, wanted) or anywhere is None or may_hold(data, anywhere)


def test_folds_escapes_and_encodings_do_not_hide_a_value() -> None:
    lines = "NOTE:in the gar\r\n den\\, south\r\nX;ENCODING=QUOTED-PRINTABLE:=67arden"
    data = f"BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}\r\nEND:VCARD\r\n".encode()
    assert may_hold(data.replace(b"QUOTED-PRINTABLE", b"8BIT"), ("garden, south",))
    assert not may_hold(data.replace(b"QUOTED-PRINTABLE", b"8BIT"), ("desert",))
    assert may_hold(data, ("desert",))  # nobody knows without decoding


def test_a_card_with_too_much_to_search_is_always_read() -> None:
    lines = "".join(f"EMAIL:{number:0100}@example.com\r\n" for number in range(50))
    assert searched(read(f"BEGIN:VCARD\r\nVERSION:4.0\r\n{lines}END:VCARD\r\n".encode())) is None
