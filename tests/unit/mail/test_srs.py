"""Rewritten senders: what they look like, that they lead back, and that nobody else can make them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailserver.mail.srs import DAY_SECONDS, DAYS_AROUND, MAX_LOCAL_OCTETS, BadSrs, Srs, is_rewritten

SRS = Srs(b"k" * 32, max_days=21)
OTHER = Srs(b"o" * 32, max_days=21)
NOW = 1_772_366_400
NEAR, FAR = "example.org", "far.example"


def forward(srs: Srs, sender: str, domain: str, epoch: int = NOW) -> str:
    rewritten = srs.forward(sender, domain, epoch)
    assert rewritten is not None
    return rewritten


def test_a_sender_leads_back() -> None:
    rewritten = forward(SRS, "ann@far.example", NEAR)
    assert rewritten == "SRS0=W6WIDLM7=BB=far.example=ann@example.org"
    assert SRS.reverse(rewritten, NOW) == "ann@far.example"


def test_a_second_server_names_the_first_and_not_those_between() -> None:
    first = forward(OTHER, "ann@far.example", "one.example")
    second = forward(SRS, first, "two.example")
    assert second.startswith("SRS1=")
    assert second.endswith("=one.example=" + first.removeprefix("SRS0").replace("one.example", "two.example"))
    third = forward(Srs(b"3" * 32, 21), second, "three.example")
    assert third.count("one.example") == 1 and "two.example" not in third
    assert Srs(b"3" * 32, 21).reverse(third, NOW) == first  # straight to the first
    assert OTHER.reverse(first, NOW) == "ann@far.example"


def test_a_ring_of_servers_does_not_make_addresses_grow() -> None:
    address = forward(SRS, "ann@far.example", NEAR)
    lengths = set()
    for turn in range(20):
        address = forward((OTHER, SRS)[turn % 2], address, ("one.example", NEAR)[turn % 2])
        lengths.add(len(address.partition("@")[0]))
    assert len(lengths) == 1


def test_other_separators_are_read() -> None:
    for separator in "=+-":
        foreign = f"SRS0{separator}abcd=AB=far.example=ann@one.example"
        rewritten = forward(SRS, foreign, NEAR)
        assert SRS.reverse(rewritten, NOW) == foreign


@pytest.mark.parametrize("days", [0, 1, 21])
def test_it_holds_as_long_as_it_should(days: int) -> None:
    assert SRS.reverse(forward(SRS, "a@far.example", NEAR), NOW + days * DAY_SECONDS) == "a@far.example"


@pytest.mark.parametrize("days", [22, 100, DAYS_AROUND - 1])
def test_it_is_refused_afterwards(days: int) -> None:
    with pytest.raises(BadSrs, match="older than 21 days"):
        SRS.reverse(forward(SRS, "a@far.example", NEAR), NOW + days * DAY_SECONDS)


@pytest.mark.parametrize(
    "address",
    [
        "SRS0=AAAAAAAA=IC=far.example=ann@example.org",
        "SRS0=W6WIDLM7=BC=far.example=ann@example.org",  # a later day
        "SRS0=W6WIDLM7=BB=bank.example=ann@example.org",
        "SRS0=W6WIDLM7=BB=far.example=bob@example.org",
        "SRS1=W6WIDLM7=far.example==IC=far.example=ann@example.org",
        "SRS0=W6WIDLM7=BB=far.example@example.org",
        "SRS0=@example.org",
        "SRS1==@example.org",
        "ann@example.org",
    ],
)
def test_nobody_else_can_make_one(address: str) -> None:
    with pytest.raises(BadSrs):
        SRS.reverse(address, NOW)


def test_servers_that_change_case_break_nothing() -> None:
    rewritten = forward(SRS, "Ann.Lee@Far.example", NEAR)
    for changed in (rewritten.lower(), rewritten.upper(), rewritten.title()):
        assert is_rewritten(changed)
        assert SRS.reverse(changed, NOW).lower() == "ann.lee@far.example"


@pytest.mark.parametrize(
    "sender",
    [
        "a" * 64 + "@far.example",
        "ann@" + "sub." * 12 + "example",
        '"a b"@far.example',
        "ann@[192.0.2.1]",
    ],
)
def test_what_does_not_fit_is_not_cut(sender: str) -> None:
    assert SRS.forward(sender, NEAR, NOW) is None


LOCALS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[A-Za-z0-9=+-]{1,10})?", fullmatch=True)


@given(LOCALS, st.from_regex(r"[a-z0-9-]{1,15}\.example", fullmatch=True), st.integers(0, 2**40), st.integers(0, 21))
def test_every_sender_that_fits_leads_back(local: str, host: str, epoch: int, days: int) -> None:
    sender = f"{local}@{host}"
    assume(not is_rewritten(sender))
    rewritten = SRS.forward(sender, NEAR, epoch)
    if rewritten is None:
        return
    assert len(rewritten.partition("@")[0]) <= MAX_LOCAL_OCTETS
    assert SRS.reverse(rewritten, epoch + days * DAY_SECONDS) == sender
    with pytest.raises(BadSrs):
        OTHER.reverse(rewritten, epoch)


@given(st.text(max_size=100), st.booleans())
def test_anything_is_refused_by_name(text: str, prefixed: bool) -> None:
    with pytest.raises(BadSrs):
        SRS.reverse(f"SRS0={text}@example.org" if prefixed else text, NOW)
