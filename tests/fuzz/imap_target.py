"""What any fuzzer drives: one connection's octets through the framer and every command's own grammar."""

import random
from collections.abc import Callable

from mailserver.errors import Refusal
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.wire import append_items
from mailserver.imap.wire.frames import BEFORE_LOGIN, AppendStart, Command, Item, LiteralChunk, after_login
from mailserver.imap.wire.framing import CommandFramer
from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_APPEND_OCTETS = 1000
READS = (1, 7, 64, 100_000)

NAMES = [name.encode("ascii") for name in sorted(COMMANDS)]
WORDS = (
    b"a|b2|*|+| |  |(|)|[|]|<|>|{3}\r\nabc|{2+}\r\nxy|~{1+}\r\n\0|{0}\r\n|{99999999999999999999}\r\n|{5+}\n|\r\n|\n|\r|"
    b"\0|\xff|\xc3\xa9|\"|\\|\"a b\"|\"\\\\\"|NIL|INBOX|Archive|&AOk-|&|%|*|1:*|1,2|0|4294967296|$|1:2,4:*|()|"
    b"FLAGS|+FLAGS.SILENT|-FLAGS|\\Seen|\\Recent|$Work|UID|BODY.PEEK[|BODY[1.2.HEADER.FIELDS (a)]<1.2>|BINARY[1]<0.9>|"
    b"BINARY.SIZE[1]|ALL|NOT|OR|CHARSET|UTF-8|RETURN|(MIN MAX COUNT ALL SAVE)|PARTIAL|1:10|-1:-10|FUZZY|CONTEXT|UPDATE|"
    b"MODSEQ|1-Jan-2024|\" 1-Jan-2024 10:00:00 +0100\"|SUBJECT|KEYWORD|HEADER|OLDER|YOUNGER|EMAILID|THREADID|STATUS|"
    b"(MESSAGES SIZE)|CONDSTORE|QRESYNC|(1 2 1:3 (1 1))|CHANGEDSINCE|VANISHED|UNCHANGEDSINCE|SUBSCRIBED|RECURSIVEMATCH|"
    b"REVERSE|DATE|REFERENCES|ORDEREDSUBJECT|CATENATE|URL|TEXT|UTF8|(USE (\\Archive))|DEPTH|MAXSIZE|/private/comment|"
    b"SET|NONE|SELECTED|SUBTREE|(MessageNew (UID) MessageExpunge)|lrswipkxtea|+a|anyone|STORAGE|PLAIN|=|IN|subtree|"
    b"DEFLATE|PREVIEW|(LAZY)|SAVEDATE".split(b"|")
)  # fmt: skip


def take(data: bytes, *, utf8: bool = False, known: bool = True, read: int = 100_000) -> int:
    """Everything a connection would parse of these octets; how many items that were, pieces of messages not counted.

    Raises whatever is neither BadSyntax nor a Refusal: that is the bug a fuzzer looks for.
    """
    framer = CommandFramer(after_login(MAX_APPEND_OCTETS) if known else BEFORE_LOGIN)
    framer.utf8 = utf8
    items = 0
    for start in range(0, len(data), read):
        framer.feed(data[start : start + read])
        while (item := framer.next()) is not None:
            items += not isinstance(item, LiteralChunk)
            _parse(item)
    return items


def _parse(item: Item) -> None:
    match item:
        case Command():
            row = COMMANDS.get(item.name)
            if row is not None:
                _refusing(row.parse, item.reader)
        case AppendStart():
            _refusing(_append, item.reader)


def _append(reader: Reader) -> None:
    reader.sp()
    reader.mailbox()
    append_items.parse(reader)


def _refusing(parse: Callable[[Reader], object], reader: Reader) -> None:
    try:
        parse(reader)
    except (BadSyntax, Refusal):
        return


def random_input(chance: random.Random) -> bytes:
    """A few lines that begin like commands and go wrong somewhere."""
    lines = []
    for _ in range(chance.randint(1, 3)):
        words = [b"a", chance.choice(NAMES)] if chance.random() < 0.95 else []
        words += chance.choices(WORDS, k=chance.randint(0, 8))
        line = b" ".join(words)
        if chance.random() < 0.2 and line:
            place = chance.randrange(len(line))
            line = line[:place] + bytes([chance.randrange(256)]) + line[place + chance.randint(0, 2) :]
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n"
