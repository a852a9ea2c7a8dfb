"""Names in the spelling that is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver import text


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Example.TEST", "example.test"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),  # case folds before encoding
        ("bu\u0308cher.example", "xn--bcher-kva.example"),  # NFD of the same
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
    ],
)
def test_a_domain_has_one_spelling(written: str, stored: str) -> None:
    assert text.domain_name(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "example..test",
        "example.test.",  # RFC 5321 has no trailing dot
        "-example.test",
        "a" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "exa mple.test",
        "../etc",
        "a/b.test",
        "example\uff0etest",  # full-width dot: never folded
        "example\u3002test",
        "\uff0e\uff0e\uff0f",
        "example.test\x00",
        "[127.0.0.1]",
        "a_b.test",
    ],
)
def test_what_is_no_domain_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a domain"):
        text.domain_name(written)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Ann@Example.test", ("ann", "example.test")),
        ('"Ann"@example.test', ("ann", "example.test")),  # quotes are not part of the name
        ('"a b"@example.test', ("a b", "example.test")),
        (r'"a\"b"@example.test', ('a"b', "example.test")),
        ('"a@b"@example.test', ("a@b", "example.test")),
        ("JÖRG@example.test", ("jörg", "example.test")),
        ("ann@[127.0.0.1]", ("ann", "[127.0.0.1]")),
    ],
)
def test_an_address_is_split_unquoted(address: str, parts: tuple[str, str]) -> None:
    assert text.split_address(address) == parts


@pytest.mark.parametrize("address", ["ann", "@example.test", "ann@", "a" * 65 + "@example.test", "a\x00b@example.test"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        text.split_address(address)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".ann", "ann.", "a..b", "a b", 'a"b', "a@b", "a\u200bb", "a\u202eb", "a\x00b", "a:7", "a\\b"],
)
def test_an_account_needs_a_name_without_quotes_that_can_be_seen(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        text.account_name(name)


@given(st.text(max_size=70))
def test_a_joined_address_splits_into_what_it_was_made_of(local: str) -> None:
    try:
        name = text.local_part(local)
    except ValueError:
        return
    assert text.split_address(text.join_address(name, "example.test")) == (name, "example.test")


@given(st.text(max_size=300))
def test_splitting_raises_nothing_but_its_own_error(address: str) -> None:
    try:
        local, domain = text.split_address(address)
    except ValueError:
        return
    assert local
    assert domain
