"""Message ids out of Message-ID, In-Reply-To and References, tolerantly. RFC 5322 §3.6.4."""

import re

MAX_REFERENCES = 200  # ids kept of one field; of more, the first (the thread's root) and the last
LONGEST = 996  # octets of one id: more do not fit in a line

_ID = re.compile(rb"<[ \t]*+([^<>\s]{1,%d}+)[ \t]*+>" % LONGEST)
_BARE = re.compile(rb"[^<>\s,;\"]{1,%d}+" % LONGEST)


def message_ids(field: bytes) -> tuple[str, ...]:
    """The ids of an unfolded field in order, without angle brackets, each once; at most MAX_REFERENCES."""
    if not field:
        return ()
    found = tuple(dict.fromkeys(_ID.findall(field)))
    if len(found) > MAX_REFERENCES:
        found = (found[0], *found[1 - MAX_REFERENCES :])
    return tuple([octets.decode("utf-8", "replace") for octets in found])


def message_id(field: bytes) -> str:
    """The first id; where a sender left the brackets out, the first word with an "@". "" where there is none."""
    if not field:
        return ""
    if found := _ID.search(field):
        return found[1].decode("utf-8", "replace")
    bare = _BARE.search(field)
    return bare[0].decode("utf-8", "replace") if bare and b"@" in bare[0] else ""
