"""Headers of WebDAV requests as values."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dav.wire import basic, etags, headers, if_header, origin
from mailserver.dav.wire.etags import ETags
from mailserver.dav.wire.headers import MAX_TIMEOUT_SECONDS, Depth, Prefer
from mailserver.dav.wire.if_header import Condition, State, StateList
from mailserver.errors import BadRequest

LOCK = "urn:uuid:181d4fae-7d8c-11d0-a765-00a0c91e6bf2"


@pytest.mark.parametrize(
    ("value", "lists"),
    [
        # the examples of RFC 4918 §10.4.6 to §10.4.9
        (f'(<{LOCK}> ["I am an ETag"]) (["I am another ETag"])', [(None, "t", "e"), (None, "e")]),
        (f"(Not <{LOCK}> <urn:uuid:58f202ac>)", [(None, "!t", "t")]),
        ("(<urn:uuid:181d4fae>) (Not <DAV:no-lock>)", [(None, "t"), (None, "!t")]),
        ('</resource1> (<urn:a> [W/"A weak ETag"]) (["strong"])', [("/resource1", "t", "e"), ("/resource1", "e")]),
        ('<http://x/a> (["1"]) <http://x/b> (not ["2"])', [("http://x/a", "e"), ("http://x/b", "!e")]),
        ('(["no space"]<urn:x>)', [(None, "e", "t")]),
    ],
)
def test_if_is_lists_of_conditions(value: str, lists: list[tuple[str | None, ...]]) -> None:
    parsed = if_header.parse(value)
    assert parsed is not None
    assert [(each.resource, *map(_kind, each.conditions)) for each in parsed.lists] == lists


def _kind(condition: Condition) -> str:
    return ("!" if condition.negated else "") + ("t" if condition.token is not None else "e")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "()",
        "(",
        ")",
        "</a>",
        "(Not)",
        "(Not Not <a>)",
        "(<a>",
        '(["open])',
        "<urn:a>",
        "(<a>) </b> (<c>)",
        "</a> </b> (<c>)",
        "(a)",
        "(<a>) x",
        "(<a>)" * 1000,
    ],
)
def test_an_if_that_is_not_understood_does_not_pass(value: str) -> None:
    with pytest.raises(BadRequest):
        if_header.parse(value)


@given(st.text(alphabet='()<>[]"W/Not ab', max_size=60))
def test_if_is_read_or_refused(value: str) -> None:
    with contextlib.suppress(BadRequest):
        parsed = if_header.parse(value)
        assert parsed is not None
        assert all(each.conditions for each in parsed.lists)


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ('(["e"])', True),
        ('(["f"])', False),
        ('(Not ["f"])', True),
        ('([W/"e"])', False),
        ("(<t>)", True),
        ("(<u>)", False),
        ('(<t> ["f"]) (["e"])', True),
        ('(<t> ["f"]) (<u> ["e"])', False),
    ],
)
def test_a_list_holds_as_a_whole_and_one_is_enough(value: str, holds: bool) -> None:
    parsed = if_header.parse(value)
    assert parsed is not None
    assert parsed.holds(lambda _: State("e", {"t"})) is holds
    nothing = StateList(None, (Condition(False, None, "e"),))
    assert not nothing.holds(State(None, ()))


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (None, None),
        ("*", ETags(any=True)),
        ('"a"', ETags(strong=frozenset({"a"}))),
        (' "a" , W/"b",, "c,d" ', ETags(strong=frozenset({"a", "c,d"}), weak=frozenset({"b"}))),
        ('""', ETags(strong=frozenset({""}))),
    ],
)
def test_entity_tags(value: str | None, tags: ETags | None) -> None:
    assert etags.parse("If-Match", value) == tags


@pytest.mark.parametrize(
    "value", ["", "a", '"a', '"a" "b"', "*, *", 'w/"a"', '"a b"', ",", ",".join(f'"{n}"' for n in range(200))]
)
def test_an_entity_tag_stands_in_quotes(value: str) -> None:
    with pytest.raises(BadRequest):
        etags.parse("If-Match", value)


def test_if_match_is_strong_and_if_none_match_is_weak() -> None:
    weak, any_ = ETags(weak=frozenset({"a"})), ETags(any=True)
    assert (weak.matches("a"), weak.names("a")) == (False, True)
    assert (any_.matches("a"), any_.matches(None), any_.names(None)) == (True, False, False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, MAX_TIMEOUT_SECONDS),
        ("Second-60", 60),
        ("Infinite, Second-4100000000", MAX_TIMEOUT_SECONDS),
        ("Second-4100000000", MAX_TIMEOUT_SECONDS),
        ("Second-0", 1),
        ("Second-\u0661, second-30", 30),
        ("Later", MAX_TIMEOUT_SECONDS),
    ],
)
def test_a_lock_lasts_no_longer_than_an_hour(value: str | None, seconds: int) -> None:
    assert headers.timeout(value) == seconds


@pytest.mark.parametrize(
    ("value", "brief", "wished"),
    [
        (None, None, Prefer()),
        ("return=minimal", None, Prefer(minimal=True)),
        ('Return="representation"; x=y, wait=10', None, Prefer(representation=True)),
        ("return=minimal, return=representation", None, Prefer(minimal=True)),
        ("depth-noroot, unknown, =", None, Prefer(depth_noroot=True)),
        (None, "t", Prefer(minimal=True)),
        ("return=representation", "t", Prefer(representation=True)),
        (None, "f", Prefer()),
    ],
)
def test_preferences_are_wishes(value: str | None, brief: str | None, wished: Prefer) -> None:
    assert headers.prefer(value, brief) == wished


@pytest.mark.parametrize(("value", "depth"), [(None, None), ("0", Depth.ZERO), (" Infinity ", Depth.INFINITY)])
def test_depth(value: str | None, depth: Depth | None) -> None:
    assert headers.depth(value) is depth


@pytest.mark.parametrize("value", ["banana", "", "2", "0, 1"])
def test_a_depth_that_is_none(value: str) -> None:
    with pytest.raises(BadRequest):
        headers.depth(value)


@pytest.mark.parametrize("value", [None, "", "urn:x", "<>", "<urn:x"])
def test_a_lock_token_stands_in_brackets(value: str | None) -> None:
    with pytest.raises(BadRequest):
        headers.lock_token(value)


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        ("Basic YW5uOnM6dw==", ("ann", "s:w")),
        ("basic  YW5uOg==", ("ann", "")),
        ("Basic YW5uOsO8", ("ann", "ü")),
        ("Basic YW5uOvw=", ("ann", "ü")),  # in Latin-1
        ("Basic YW5u", None),
        ("Basic !!", None),
        ("Basic", None),
        ("Digest x", None),
        (None, None),
        ("Basic " + "A" * 20_000, None),
    ],
)
def test_basic_credentials(value: str | None, pair: tuple[str, str] | None) -> None:
    found = basic.parse(value)
    assert (found and (found.username, found.password)) == pair


@pytest.mark.parametrize(
    ("method", "headers", "foreign"),
    [
        ("POST", {}, False),  # no browser
        ("POST", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, True),  # another name of the same domain
        ("PUT", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "https://dav.example.test"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"origin": "https://evil.example"}, True),
        ("POST", {"origin": "null"}, True),  # a sandboxed frame
        ("POST", {"origin": "https://["}, True),
        ("POST", {"origin": "https://DAV.example.test"}, False),
        ("POST", {"origin": "https://dav.example.test:8443"}, True),
        ("POST", {"origin": "moz-extension://0b1c"}, False),  # an add-on of Thunderbird
        ("GET", {"sec-fetch-site": "cross-site"}, False),  # a link
    ],
)
def test_a_page_of_another_site_changes_nothing(method: str, headers: dict[str, str], foreign: bool) -> None:
    assert origin.is_foreign(method, {"host": "dav.example.test", **headers}) is foreign
