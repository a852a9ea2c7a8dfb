"""A stored message opened for looking through its text."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from mailserver.mail.describe import decode_parts
from mailserver.mail.message_text import MessageOctets
from mailserver.store.content_files import Unread
from mailserver.store.maildir import Maildir

WHOLE_OCTETS = 128 * 1024  # a message up to here is read in one go


@contextmanager
def opened(maildir: Maildir, unread: Unread) -> Iterator[MessageOctets]:
    """Raises OSError; FileNotFoundError where the message is gone."""
    if unread.location is None:
        raise FileNotFoundError("no message has it")
    fd = maildir.open(unread.location.folder, unread.location.key, unread.location.letters)
    try:
        whole = _read(fd, 0, unread.size) if unread.size <= WHOLE_OCTETS else None
        read = partial(_read, fd) if whole is None else lambda start, end: whole[start:end]
        yield MessageOctets(read, unread.header_octets, decode_parts(unread.parts))
    finally:
        os.close(fd)


def _read(fd: int, start: int, end: int) -> bytes:
    return os.pread(fd, max(0, end - start), start)
