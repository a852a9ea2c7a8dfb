"""Reverse-path and forward-path: what the grammar says, and nothing repaired."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.wire.paths import NULL, BadForwardPath, BadReversePath, forward_path, reverse_path

LONG_LABEL = "a" * 63
LONG_DOMAIN = ".".join([LONG_LABEL] * 3)  # 191 octets; 189 is the most beside a local part of 64


@pytest.mark.parametrize(
    ("path", "local_part", "domain"),
    [
        ("<Smith@bar.com>", "Smith", "bar.com"),  # RFC 5321 §D.1
        ("<userx@y.foo.org>", "userx", "y.foo.org"),  # RFC 5321 §4.1.1.3
        ("<@hosta.int,@jkl.org:userc@d.bar.org>", "userc", "d.bar.org"),  # source route: read and dropped
        ("<@[192.0.2.1]:a@b.c>", "a", "b.c"),
        ('<"Joe Q. Public"@example.com>', '"Joe Q. Public"', "example.com"),
        (r'<"a\"b\\c"@example.com>', r'"a\"b\\c"', "example.com"),
        ('<"a@b"@example.com>', '"a@b"', "example.com"),  # one local part; not a route
        ('<""@example.com>', '""', "example.com"),
        ("<a%b!c@example.com>", "a%b!c", "example.com"),
        ("<ann+tag@example.com>", "ann+tag", "example.com"),
        ("<!#$%&'*+-/=?^_`{|}~@example.com>", "!#$%&'*+-/=?^_`{|}~", "example.com"),
        ("<a@localhost>", "a", "localhost"),
        ("<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example"),
        ("<δοκιμή@παράδειγμα.example>", "δοκιμή", "παράδειγμα.example"),
        (f"<{'x' * 64}@{LONG_DOMAIN[:-2]}>", "x" * 64, LONG_DOMAIN[:-2]),
    ],
)
def test_a_path_is_taken_apart_as_written(path: str, local_part: str, domain: str) -> None:
    found, rest = forward_path(path.encode() + b" NOTIFY=NEVER")
    assert (found.local_part, found.domain, rest) == (local_part, domain, b" NOTIFY=NEVER")
    assert str(found) == f"{local_part}@{domain}"
    assert str(reverse_path(path.encode())[0]) == str(found)


def test_the_null_reverse_path_is_no_forward_path() -> None:
    assert reverse_path(b"<> SIZE=1") == (NULL, b" SIZE=1")
    assert str(NULL) == ""
    with pytest.raises(BadForwardPath):
        forward_path(b"<>")


@pytest.mark.parametrize("name", ["postmaster", "Postmaster", "POSTMASTER"])
def test_postmaster_needs_no_domain_as_recipient(name: str) -> None:
    found, rest = forward_path(f"<{name}>".encode())
    assert (found.local_part, found.domain, rest) == (name, "", b"")
    with pytest.raises(BadReversePath):
        reverse_path(f"<{name}>".encode())


def test_address_literals_are_addresses() -> None:
    assert forward_path(b"<a@[192.0.2.1]>")[0].literal == IPv4Address("192.0.2.1")
    assert forward_path(b"<a@[IPv6:2001:db8::1]>")[0].literal == IPv6Address("2001:db8::1")
    assert forward_path(b"<a@[ipv6:::1]>")[0].literal == IPv6Address("::1")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "<",
        "<a@b",  # unclosed
        "a@b.c",  # no brackets
        "<a@[>",
        "<a b@c.d>",
        "< a@b.c>",
        "<a@b.c >",
        "<@>",
        "<a@>",
        "<@b.c>",
        "<a>",
        "<a@b@c.d>",
        "<.a@b.c>",
        "<a.@b.c>",
        "<a..b@c.d>",
        "<a@.b>",
        "<a@b.>",  # trailing dot
        "<a@b..c>",
        "<a@-b.c>",
        "<a@b-.c>",
        "<a@b_c.d>",
        '<"a@b.c>',
        '<"a"b@c.d>',
        '<"a\\"@b.c>',
        "<a\0b@c.d>",
        '<"a\0b"@c.d>',
        "<a\tb@c.d>",
        "<a@b\0.c>",
        "<a@[127.0.0.1>",
        "<a@[127.0.0.256]>",
        "<a@[IPv6:zz]>",
        "<a@[X-Tag:anything]>",
        "<a@127.0.0.1]>",
        "<@a.b:>",
        "<@a.b,c@d.e>",
        "<<a@b.c>>",
        "<a\u202eb@c.d>",  # turns text around
        "<a\x85b@c.d>",
        f"<{'x' * 65}@b.c>",
        f"<ü{'x' * 63}@b.c>",  # octets count, not characters
        f"<a@{'b' * 64}.c>",
        f"<a@{LONG_DOMAIN}.{LONG_LABEL}>",
        f"<{'x' * 64}@{LONG_DOMAIN[:-1]}>",  # one octet more than a path may have
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(BadForwardPath) as refusal:
        forward_path(path.encode())
    assert refusal.value.smtp == "501 5.1.3"
    with pytest.raises(BadReversePath) as refused:
        reverse_path(path.encode())
    assert refused.value.smtp == "501 5.1.7"


def test_octets_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(BadForwardPath):
        forward_path(b"<\xff\xfe@example.com>")


def test_only_ascii_goes_without_smtputf8() -> None:
    assert not forward_path(b"<a@b.c>")[0].needs_utf8
    assert forward_path("<ü@b.c>".encode())[0].needs_utf8
    assert reverse_path("<a@bü.c>".encode())[0].needs_utf8
    assert not NULL.needs_utf8


@given(st.binary(max_size=400))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    for parse, refusal in ((reverse_path, BadReversePath), (forward_path, BadForwardPath)):
        try:
            parse(b"<" + octets)
        except refusal:
            continue


@pytest.mark.parametrize("piece", ["a.", '"\\', "@a,", "[", "a@", "é"])
def test_time_is_linear_in_the_line(piece: str) -> None:
    with pytest.raises(BadForwardPath):
        forward_path(b"<" + (piece * 100_000).encode())
