"""Address lists as senders write them."""

import pytest

from mailserver.mail import addresses
from mailserver.mail.addresses import Address, Group, addr_spec, mailboxes, parse


def plain(local: bytes, domain: bytes, name: bytes = b"", route: bytes = b"") -> Address:
    return Address(name, route, local, domain)


LISTS = [
    # RFC 5322 appendix A
    (b"John Doe <jdoe@machine.example>", [plain(b"jdoe", b"machine.example", b"John Doe")]),
    (
        b'"Joe Q. Public" <john.q.public@example.com>, <boss@nil.test>,'
        b' "Giant; \\"Big\\" Box" <sysservices@example.net>',
        [
            plain(b"john.q.public", b"example.com", b"Joe Q. Public"),
            plain(b"boss", b"nil.test"),
            plain(b"sysservices", b"example.net", b'Giant; "Big" Box'),
        ],
    ),
    (
        b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
        [
            Group(
                b"A Group",
                (
                    plain(b"c", b"a.test", b"Ed Jones"),
                    plain(b"joe", b"where.test"),
                    plain(b"jdoe", b"one.test", b"John"),
                ),
            )
        ],
    ),
    (b"Undisclosed recipients:;", [Group(b"Undisclosed recipients", ())]),
    (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [plain(b"pete", b"silly.test", b"Pete")]),
    (b"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", [Group(b"Hidden recipients", ())]),
    (b"Joe Q. Public <john.q.public@example.com>", [plain(b"john.q.public", b"example.com", b"Joe Q. Public")]),
    (
        b"Mary Smith <@node.test:mary@example.net>, , jdoe@test   . example",
        [plain(b"mary", b"example.net", b"Mary Smith", b"@node.test"), plain(b"jdoe", b"test.example")],
    ),
    # what is met
    (b"a@b", [plain(b"a", b"b")]),
    (b"a@b (Real Name)", [plain(b"a", b"b", b"Real Name")]),
    (b"<a@b>,", [plain(b"a", b"b")]),
    (b"a@b,c@d", [plain(b"a", b"b"), plain(b"c", b"d")]),
    (b"a@b; c@d", [plain(b"a", b"b"), plain(b"c", b"d")]),
    (b"a@b <a@b>", [plain(b"a", b"b", b"a@b")]),
    (b"'a@b' <a@b>", [plain(b"a", b"b", b"'a@b'")]),
    (b"=?utf-8?q?J=C3=B6rg?= <j@x>", [plain(b"j", b"x", b"=?utf-8?q?J=C3=B6rg?=")]),
    ("Jörg <jörg@ä.test>".encode(), [plain("jörg".encode(), "ä.test".encode(), "Jörg".encode())]),
    (b'"a b"@c', [plain(b"a b", b"c")]),
    (b'<"a>b"@c>', [plain(b"a>b", b"c")]),
    (
        b"x <a@[192.0.2.1]>, b@[IPv6:2001:db8::1]",
        [plain(b"a", b"[192.0.2.1]", b"x"), plain(b"b", b"[IPv6:2001:db8::1]")],
    ),
    (b"a . b@c . d", [plain(b"a.b", b"c.d")]),
    (b"< a @ b >", [plain(b"a", b"b")]),
    (b"Name <a@b", [plain(b"a", b"b", b"Name")]),
    (b"Name <a@b, c@d", [plain(b"a", b"b", b"Name"), plain(b"c", b"d")]),
    (b"nobody", [plain(b"nobody", b"")]),
    (b"two words", [plain(b"words", b"", b"two")]),
    (b"Name <>", [plain(b"", b"", b"Name")]),
    (b"Name <local>", [plain(b"local", b"", b"Name")]),
    (b"<a@b@c>", [plain(b"a@b", b"c")]),
    (b"team: a@b", [Group(b"team", (plain(b"a", b"b"),))]),
    (b"one:a@b;, two:;", [Group(b"one", (plain(b"a", b"b"),)), Group(b"two", ())]),
    (b"", []),
    (b" , ,,", []),
    (b"@", [plain(b"", b"")]),
    (b"(never closed", []),
    (b'"never closed', [plain(b"never closed", b"")]),
]


@pytest.mark.parametrize(("field", "expected"), LISTS)
def test_reads_address_lists(field: bytes, expected: list[Address | Group]) -> None:
    assert parse(field) == expected


def test_no_more_addresses_than_the_limit() -> None:
    for entry in (b"a@b,", b"a b c,", b"g:a@b;,", b"g:;"):
        assert len(mailboxes(parse(entry * 5000))) <= addresses.MAX_ADDRESSES


def test_mailboxes_are_in_order_with_the_members_of_groups() -> None:
    assert [entry.local for entry in mailboxes(parse(b"a@x, g: b@x, c@x;, d@x"))] == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (plain(b"a.b", b"c"), b"a.b@c"),
        (plain(b"a b", b"c"), b'"a b"@c'),
        (plain(b'a"\\', b"c"), b'"a\\"\\\\"@c'),
        (plain(b"a", b""), b""),
        (plain(b"", b"c"), b""),
    ],
)
def test_addr_spec_quotes_what_needs_it(address: Address, expected: bytes) -> None:
    assert addr_spec(address) == expected
