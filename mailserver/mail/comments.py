"""Comments in structured header fields: nested parentheses with quoted pairs. RFC 5322 §3.2.2."""

import re

_OUTSIDE = re.compile(rb'(?:[^"(\\]++|"(?:[^"\\]++|\\.)*+"?|\\.?)++', re.DOTALL)
_INSIDE = re.compile(rb"[^()\\]++|\\.?|[()]", re.DOTALL)


def without_comments(field: bytes) -> bytes:
    """Each comment becomes a space; parentheses in quoted strings are none."""
    kept, position = [], 0
    while position < len(field):
        if field.startswith(b"(", position):
            position = comment_end(field, position)
            kept.append(b" ")
        elif text := _OUTSIDE.match(field, position):
            kept.append(text[0])
            position = text.end()
    return b"".join(kept)


def comment_end(field: bytes, start: int) -> int:
    """One past the comment that opens at `start`; an unclosed one reaches to the end."""
    depth, position = 0, start
    while token := _INSIDE.match(field, position):
        position = token.end()
        depth += (token[0] == b"(") - (token[0] == b")")
        if not depth:
            break
    return position
