"""Names of folders on disk: any mailbox name or local part becomes one harmless path segment.

Maildir++ keeps a mailbox "a/b" in the folder ".a.b" of the user's Maildir. Characters that could mean something
to a file system or to Maildir++ (".", "/", control characters, everything that is not ASCII) are written in
modified UTF-7 (RFC 3501 §5.1.3), as other servers do; an ordinary name stays readable.
"""

import hashlib
import re
from base64 import b64encode

MAX_FOLDER_OCTETS = 200  # file systems allow 255; the rest is for Maildir programs that append to it
KEPT_OCTETS = 180  # of a longer name; a hash makes it unique again

_ENCODED = re.compile(r"[^A-Za-z0-9 _+=@!#$()\[\]-]+")


def segment(text: str) -> str:
    """One path segment. Different texts give different segments; none is empty for a text that is not."""
    return _shorten(_encode(text))


def folder(mailbox: str) -> str:
    """The Maildir++ folder of a mailbox whose hierarchy separator is "/"; "" for INBOX."""
    if mailbox == "INBOX":
        return ""
    return "." + _shorten(".".join(_encode(part) for part in mailbox.split("/")))


def _encode(text: str) -> str:
    return _ENCODED.sub(lambda run: "&" + _base64(run[0]) + "-", text)


def _base64(text: str) -> str:
    octets = text.encode("utf-16-be", "surrogatepass")
    return b64encode(octets, altchars=b"+,").decode("ascii").rstrip("=")


def _shorten(name: str) -> str:
    if len(name) <= MAX_FOLDER_OCTETS:
        return name
    # "~" is never written by _encode: a shortened name equals no other
    return name[:KEPT_OCTETS] + "~" + hashlib.sha256(name.encode("ascii")).hexdigest()[:16]
