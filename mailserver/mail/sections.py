"""Where a FETCH BODY[section] lies in the message, from its stored parts alone. RFC 9051 §6.4.5.1."""

from collections.abc import Sequence
from typing import Literal

from mailserver.mail.detail import Part

Text = Literal["HEADER", "TEXT", "MIME"]
Window = tuple[int, int]  # first octet and one past the last


def window(parts: Sequence[Part], number: str, text: Text | None = None) -> Window | None:
    """The octets of section `number` ("" for the message, "1", "2.1" …) and specifier; None where it is absent.

    HEADER.FIELDS is a choice from the window of HEADER: headers.select. HEADER and TEXT of a part are those of the
    message it embeds, and absent for any other part.
    """
    if not parts:  # nothing is known of the message
        return None
    if number == "":
        return _whole(parts[0], text)
    found = part(parts, number)
    if found is None:
        return None
    if text == "MIME":
        return found.header_start, found.body_start
    if text is None:
        return found.body_start, found.end
    embedded = _embedded(parts, number)
    if embedded is None:
        return None
    return _whole(embedded, text)


def _whole(message: Part, text: Text | None) -> Window:
    if text is None:
        return message.header_start, message.end
    if text == "TEXT":
        return message.body_start, message.end
    return message.header_start, message.body_start


def cut(window: Window, start: int, octets: int) -> Window:
    """The part of a window that a FETCH partial asks for; empty past its end."""
    first = min(window[0] + start, window[1])
    return first, min(first + octets, window[1])


def part(parts: Sequence[Part], number: str) -> Part | None:
    """A message that is no multipart is its own part 1."""
    if number == "1" and not parts[0].media_type.startswith("multipart/"):
        return parts[0]
    return next((each for each in parts if each.number == number and not number.endswith("TEXT")), None)


def _embedded(parts: Sequence[Part], number: str) -> Part | None:
    """The message inside a message/rfc822 part: its header and body, under the number it is kept by."""
    found = part(parts, number)
    if found is None or found.media_type not in {"message/rfc822", "message/global"}:
        return None
    names = {f"{number}.TEXT", f"{number}.1"}
    return next((inner for inner in parts if inner.number in names), None)
