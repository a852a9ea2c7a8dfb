"""What is found in cards of all makes, and what a stored card must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.vcard.check import checked
from mailserver.vcard.fields import Day, Fields, day, members, read_fields
from mailserver.vcard.lines import BadCard, read
from tests.unit.vcard import samples


def fields(*lines: str) -> Fields:
    return read_fields(read("\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]).encode()))


def test_the_card_of_a_telephone() -> None:
    assert checked(samples.IOS).fields == Fields(
        uid="6F1A0E64-7C11-4D37-9E5D-8C2C1E3D9F10",
        full_name="Dr. Jane Q. Doe",
        given_name="Jane",
        family_name="Doe",
        nickname="",
        organization="Example, Inc., Sales",
        emails=("jane@example.com", "jd@home.example"),
        phones=("+1 (555) 010-0100",),
        is_group=False,
        birthday=Day(None, 4, 12),
        anniversary=Day(2010, 6, 5),
    )


def test_the_card_of_rfc_6350() -> None:
    found = checked(samples.RFC_6350).fields
    assert found.phones == ("+1-418-656-9254;ext=102", "+1-418-262-6501")
    assert (found.birthday, found.anniversary) == (Day(None, 2, 3), Day(2009, 8, 8))
    assert (found.family_name, found.given_name) == ("Perreault", "Simon")


@pytest.mark.parametrize("card", samples.ACCEPTED)
def test_cards_of_all_makes_are_kept(card: bytes) -> None:
    assert checked(card).fields.full_name


@pytest.mark.parametrize("card", [samples.APPLE_GROUP, samples.GROUP_4])
def test_groups_of_both_styles_are_groups_with_members(card: bytes) -> None:
    found = checked(card)
    assert found.fields.is_group
    assert len(members(found.card)) == 2


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (("EMAIL:b@x", "EMAIL;PREF=2:c@x", "EMAIL;PREF=1:a@x"), ("a@x", "c@x", "b@x")),
        (("EMAIL:b@x", "EMAIL;type=HOME;type=pref:a@x"), ("a@x", "b@x")),
        (("EMAIL:a@x", "item1.EMAIL:a@x", "EMAIL: "), ("a@x",)),
        (("EMAIL;VALUE=uri:MAILTO:a@x",), ("a@x",)),
        ((), ()),
    ],
)
def test_addresses_have_the_preferred_first_and_each_once(written: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert fields(*written).emails == found


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (("FN:Ann\\, the first",), "Ann, the first"),
        (("FN:", "N:Doe;Jane;;;"), "Jane Doe"),
        (("FN:", "ORG:Firm;Sales"), "Firm;Sales"),
        (("FN:", "EMAIL:a@x"), "a@x"),
        (("FN:",), ""),
    ],
)
def test_a_card_without_a_name_is_called_by_what_else_it_has(written: tuple[str, ...], name: str) -> None:
    assert fields(*written).full_name == name


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("1980-02-29", Day(1980, 2, 29)),
        ("19800229", Day(1980, 2, 29)),
        ("1980-02-29T00:00:00Z", Day(1980, 2, 29)),
        ("1953-10-15T23:10:00Z", Day(1953, 10, 15)),  # RFC 2426 §3.1.5
        ("--0412", Day(None, 4, 12)),
        ("--04-12", Day(None, 4, 12)),
        ("--0229", Day(None, 2, 29)),
        ("2001-02-29", None),
        ("1985-13-01", None),
        ("0000-01-01", None),
        ("1985", None),  # a year, RFC 6350 §4.3.1
        ("---12", None),
        ("circa 1800", None),
        ("", None),
    ],
)
def test_days(written: str, found: Day | None) -> None:
    assert day(written) == found
    if found is not None:
        assert day(str(found)) == found


def test_a_year_that_stands_for_none_is_none() -> None:
    assert fields("BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29").birthday == Day(None, 2, 29)
    assert fields("BDAY;X-APPLE-OMIT-YEAR=1604:1980-02-29").birthday == Day(1980, 2, 29)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (samples.OUTLOOK_21.replace(b"\xfc", b"").replace(b"\xf6", b""), "vCard 2.1 is not taken here"),
        (samples.IOS.replace(b"VERSION:3.0\r\n", b""), "VERSION is missing"),
        (samples.IOS.replace(b"VERSION:3.0", b"VERSION:5.0"), "not '5.0'"),
        (samples.IOS.replace(b"UID:", b"X-UID:"), "UID is missing"),
        (samples.IOS.replace(b"REV:", b"UID:"), "line 21: a second UID"),
        (samples.IOS.replace(b"FN:", b"X-FN:"), "FN is missing"),
        (samples.GROUP_4.replace(b"does", b"x" * 1001), "line 7: UID has more than 1000 octets"),
        (samples.IOS + samples.IOS, "one vCard only"),
    ],
)
def test_what_can_not_be_kept_is_refused_in_words(card: bytes, said: str) -> None:
    with pytest.raises(BadCard, match=said.replace("'", "['\"]")):
        checked(card)


NAMES = ["FN", "N", "EMAIL", "TEL", "ORG", "BDAY", "UID", "NICKNAME", "KIND"]


@given(st.lists(st.sampled_from(NAMES), max_size=8), st.data())
def test_any_values_give_fields(names: list[str], data: st.DataObject) -> None:
    value = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)
    found = fields(*(f"{name}:{data.draw(value)}" for name in names))
    assert len(found.emails) <= names.count("EMAIL")
