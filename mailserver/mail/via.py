"""From as mailing lists write it: "Ann via example.org" <info@example.org>, the author in Reply-To. RFC 7960 §4."""

from mailserver.mail import addresses, encoded_words
from mailserver.mail.addresses import Address
from mailserver.mail.downgrade import encoded_words as as_encoded_words
from mailserver.mail.editing import HeaderBlock, RawField, field_line, is_named
from mailserver.mail.strangers import plain

MAX_NAME = 100  # characters of the author's name


def authors(block: HeaderBlock) -> list[Address]:
    """All addresses of all From fields: a message should have one field."""
    found = [entry for value in block.values(b"from") for entry in addresses.mailboxes(addresses.parse(value))]
    return [each for each in found if each.local and each.domain]


def rewritten(block: HeaderBlock, through: str) -> HeaderBlock:
    """With a From of ours; what it was stands in X-Original-From, and in Reply-To where the author named nobody else.

    `through`: the address here that forwards.
    """
    first = next(iter(authors(block)), None)
    lines = [field_line("From", f"{_shown(first, through)} <{through}>")]
    original = [field for field in block.fields if field.name == b"from"]
    lines += [_renamed(field, b"X-Original-From") for field in original[:1]]
    if not block.has(b"reply-to"):
        lines += [_renamed(field, b"Reply-To") for field in original[:1]]
    return block.without(is_named(b"from", b"x-original-from")).with_first(lines)


def _shown(author: Address | None, through: str) -> str:
    name = encoded_words.decode(author.name) if author is not None else ""
    if author is not None and not name:
        name = f"{author.local.decode('utf-8', 'replace')} at {author.domain.decode('utf-8', 'replace')}"
    text = plain(name, MAX_NAME).replace('"', "").replace("\\", "").replace("@", " at ")
    text = f"{text or 'Unknown sender'} via {through.rpartition('@')[2]}"
    return f'"{text}"' if text.isascii() else as_encoded_words(text).decode("ascii")


def _renamed(field: RawField, name: bytes) -> bytes:
    line = name + b":" + field.line.partition(b":")[2]
    return line if line.endswith(b"\n") else line + b"\r\n"
