"""STORE, APPEND, SELECT and STATUS: what stands between their mailbox or messages and the end."""

import pytest

from mailserver.errors import LimitReached
from mailserver.imap.wire import append_items, select_items, status_items, store_items
from mailserver.imap.wire.append_items import AppendItem
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.select_items import KnownState, SelectParameters
from mailserver.imap.wire.status_items import StatusItem
from mailserver.imap.wire.store_items import StoreItem
from mailserver.mail.flags import EMPTY, FlagMode, FlagSet

SEEN = FlagSet.of(["\\Seen"])
BOTH = FlagSet.of(["\\Seen", "$x"])


def reader(text: bytes) -> Reader:
    return Reader(b"a", "X", text)


STORES = [
    (b" FLAGS (\\Seen)", StoreItem(FlagMode.REPLACE, SEEN)),
    (b" FLAGS ()", StoreItem(FlagMode.REPLACE, EMPTY)),
    (b" flags \\Seen $x", StoreItem(FlagMode.REPLACE, BOTH)),
    (b" +FLAGS.SILENT (\\seen $x)", StoreItem(FlagMode.ADD, BOTH, silent=True)),
    (b" -FLAGS \\Seen", StoreItem(FlagMode.REMOVE, SEEN)),
    (b" (UNCHANGEDSINCE 0) -FLAGS ()", StoreItem(FlagMode.REMOVE, EMPTY, unchanged_since=0)),
    (
        b" (unchangedsince 9223372036854775807) FLAGS (\\Seen)",
        StoreItem(FlagMode.REPLACE, SEEN, unchanged_since=2**63 - 1),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), STORES)
def test_store(text: bytes, wanted: StoreItem) -> None:
    r = reader(text)
    assert store_items.parse(r) == wanted
    r.end()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" FLAGS",
        b" FLAGS ",
        b" *FLAGS ()",
        b" + FLAGS ()",
        b" FLAGS.LOUD ()",
        b" FLAGS (\\Recent)",
        b" +FLAGS \\Recent",
        b" FLAGS (\\Seen",
        b" FLAGS (\\Seen) ",
        b" FLAGS \\Seen ",
        b" (UNCHANGEDSINCE) FLAGS ()",
        b" (UNCHANGEDSINCE x) FLAGS ()",
        b" (NOSUCH 1) FLAGS ()",
        b" () FLAGS ()",
        b" (UNCHANGEDSINCE 9223372036854775808) FLAGS ()",
    ],
)
def test_not_store(text: bytes) -> None:
    r = reader(text)
    with pytest.raises(BadSyntax):
        store_items.parse(r)
        r.end()


def test_a_store_has_a_limit_of_flags() -> None:
    with pytest.raises(LimitReached):
        store_items.parse(reader(b" FLAGS " + b" ".join(b"k%d" % n for n in range(101))))


APPENDS = [
    (b" ", AppendItem()),
    (b"  ", AppendItem()),  # imapclient between two messages
    (b" (\\Seen) ", AppendItem(SEEN)),
    (b" () ", AppendItem()),
    (b' "17-Jul-1996 02:44:25 -0700" ', AppendItem(EMPTY, 837_596_665)),
    (b' (\\Seen $x) "17-Jul-1996 02:44:25 -0700" ', AppendItem(BOTH, 837_596_665)),
]


@pytest.mark.parametrize(("text", "wanted"), APPENDS)
def test_append(text: bytes, wanted: AppendItem) -> None:
    r = reader(text)
    assert append_items.parse(r) == wanted
    r.end()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" (\\Seen)",
        b" (\\Recent) ",
        b" \\Seen ",
        b' "17-Jul-1996 02:44:25 -0700"',
        b' "yesterday" ',
        b' "17-Jul-1996 02:44:25 -0700" (\\Seen) ',
        b" UTF8 (",
    ],
)
def test_not_append(text: bytes) -> None:
    r = reader(text)
    with pytest.raises(BadSyntax):
        append_items.parse(r)
        r.end()


def test_select() -> None:
    assert select_items.parse(reader(b"")) == SelectParameters()
    assert select_items.parse(reader(b" (condstore)")) == SelectParameters(condstore=True)


KNOWN = [
    (b"(7 20)", KnownState(7, 20)),
    (b"(7 20 1:5,9)", KnownState(7, 20, ((1, 5), (9, 9)))),
    (b"(7 20 (1,3 10,12))", KnownState(7, 20, None, ((1, 1), (3, 3)), ((10, 10), (12, 12)))),
    (
        b"(67890007 90060115194045000 41:211,214:541 (1,3,5 41,43,50))",  # RFC 7162 §3.2.5.2, shortened
        KnownState(
            67890007, 90060115194045000, ((41, 211), (214, 541)),
            ((1, 1), (3, 3), (5, 5)), ((41, 41), (43, 43), (50, 50)),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), KNOWN)
def test_select_with_what_the_client_knows(text: bytes, wanted: KnownState) -> None:
    assert select_items.parse(reader(b" (QRESYNC " + text + b")")) == SelectParameters(known=wanted)
    assert select_items.parse(reader(b" (condstore qresync " + text + b")")).condstore


@pytest.mark.parametrize(
    "known",
    [
        b"",
        b"()",
        b"(7)",
        b"(0 1)",
        b"(7 0)",
        b"(7 9223372036854775808)",
        b"(7 20 *)",
        b"(7 20 1:*)",
        b"(7 20 $)",
        b"(7 20 (1:3 5:6))",
        b"(7 20 (2,1 3,4))",
        b"(7 20 (1 1) 1:5)",
        b"(7 20 1:5 )",
        b"(7 20 1:5 (1))",
        b"(7 20",
    ],
)
def test_not_what_a_client_knows(known: bytes) -> None:
    with pytest.raises(BadSyntax):
        select_items.parse(reader(b" (QRESYNC " + known + b")"))


@pytest.mark.parametrize("text", [b" ", b" ()", b" (NOSUCH)", b" (CONDSTORE CONDSTORE)", b" CONDSTORE", b" (CONDSTORE"])
def test_not_select(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        select_items.parse(reader(text))


def test_status() -> None:
    text = (
        b"(messages RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ APPENDLIMIT MAILBOXID "
        b"DELETED-STORAGE MESSAGES)"
    )
    assert status_items.parse_items(reader(text)) == tuple(StatusItem)
    assert [item.wire for item in StatusItem][:2] == [b"MESSAGES", b"RECENT"]


@pytest.mark.parametrize("text", [b"", b"()", b"MESSAGES", b"(MESSAGES", b"(NOSUCH)", b"(MESSAGES  UNSEEN)"])
def test_not_status(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        status_items.parse_items(reader(text))
