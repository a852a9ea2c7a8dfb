"""Messages made together with the truth about them, so that a search can be judged without parsing anything."""

import quopri
import random
from base64 import b64encode, encodebytes
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

ENGLISH = (
    "invoice",
    "meeting",
    "Budget",
    "REPORT",
    "lunch",
    "project",
    "holiday",
    "100%",
    "a=b",
    "under_score",
    "x.y@z",
)
LATIN = ("Straße", "Grüße", "façade", "naïve", "Entwurf", "Über", "żółw", "ąężŻ")
OTHERS = ("Привет", "встреча", "СЧЁТ", "ελληνικά", "Αθήνα", "日本語", "会議", "資料")
WORDS = ENGLISH + LATIN + OTHERS
CHARSETS = ("utf-8", "iso-8859-1", "koi8-r", "iso-8859-2", "iso-8859-7", "iso-2022-jp", "gb18030")
ZONES = (-720, -300, 0, 60, 330, 840)  # minutes east


@dataclass(slots=True)
class Letter:
    octets: bytes = b""
    fields: list[tuple[str, str]] = field(default_factory=list)  # name, decoded value
    texts: list[str] = field(default_factory=list)  # decoded text of each text part, header of an embedded message
    sent: date | None = None  # in the zone of the Date field

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known.lower() == name.lower()]


class Writer:
    def __init__(self, random: random.Random) -> None:
        self._random = random

    def letter(self) -> Letter:
        letter = Letter()
        header = b"".join(self._header(letter))
        content_header, body = self._content(letter, depth=0)
        letter.fields += fields_of(content_header)
        letter.octets = header + content_header + b"\r\n" + body
        return letter

    def phrase(self, most: int = 6) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(1, most)))

    # ---- header ----

    def _header(self, letter: Letter) -> list[bytes]:
        chance = self._random.random
        lines = [self._field(letter, "Subject", self.phrase())] if chance() < 0.9 else []
        lines.append(self._address(letter, "From"))
        lines += [self._address(letter, name) for name in ("To", "To", "Cc", "Bcc") if chance() < 0.4]
        if chance() < 0.3:
            lines.append(self._field(letter, "X-Odd-Field", self.phrase(3)))
        if chance() < 0.3:
            lines.append(self._field(letter, "Comments", ""))
        if chance() < 0.9:
            lines.append(self._date(letter))
        return lines

    def _field(self, letter: Letter, name: str, text: str) -> bytes:
        letter.fields.append((name, text))
        return name.encode() + b": " + self._encoded(text) + b"\r\n"

    def _address(self, letter: Letter, name: str) -> bytes:
        word, mail = self._random.choice(WORDS[:20]), f"u{self._random.randint(1, 9)}@example.org"
        letter.fields.append((name, f"{word} <{mail}>"))
        return f"{name}: ".encode() + self._encoded(word) + f" <{mail}>\r\n".encode()

    def _date(self, letter: Letter) -> bytes:
        zone = timezone(timedelta(minutes=self._random.choice(ZONES)))
        moment = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=self._random.randint(0, 40 * 1440))
        local = moment.astimezone(zone)
        letter.sent = local.date()
        text = local.strftime("%a, %d %b %Y %H:%M:%S %z")
        letter.fields.append(("Date", text))
        return f"Date: {text}\r\n".encode()

    def _encoded(self, text: str) -> bytes:
        """Plain, folded, raw UTF-8, or one or more encoded words."""
        way = self._random.randrange(4)
        if way == 0 and text.isascii():
            return text.replace(" ", "\r\n ", 1).encode()
        if way == 1:
            return text.encode()
        charset = self._charset(text)
        cut = self._random.randint(0, len(text))
        return b"\r\n ".join(self._word(piece, charset) for piece in (text[:cut], text[cut:]) if piece)

    def _word(self, text: str, charset: str) -> bytes:
        octets = text.encode(charset)
        if self._random.random() < 0.5:
            return b"=?%b?B?%b?=" % (charset.encode(), b64encode(octets))
        quoted = b"".join(b"_" if octet == 32 else b"=%02X" % octet for octet in octets)
        return b"=?%b?q?%b?=" % (charset.upper().encode(), quoted)

    def _charset(self, text: str) -> str:
        """One that can spell the text."""
        for charset in self._random.sample(CHARSETS, len(CHARSETS)):
            try:
                text.encode(charset)
            except UnicodeEncodeError:
                continue
            return charset
        return "utf-8"

    # ---- body ----

    def _content(self, letter: Letter, depth: int) -> tuple[bytes, bytes]:
        kind = self._random.choice(("text", "text", "html", "mixed", "binary", "embedded", "bare"))
        if kind == "mixed" and depth < 2:
            return self._multipart(letter, depth)
        if kind == "embedded" and depth < 2:
            return self._embedded(letter, depth)
        if kind == "binary" and depth:
            return b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n", encodebytes(b"invoice")
        if kind == "bare" and not depth:
            text = self.phrase(20)
            letter.texts.append(text)
            return b"", text.encode() + b"\r\n"
        return self._text(letter, b"html" if kind == "html" else b"plain")

    def _text(self, letter: Letter, subtype: bytes) -> tuple[bytes, bytes]:
        text = "\r\n".join(self.phrase(12) for _ in range(self._random.randint(1, 4)))
        charset = self._charset(text)
        shown = f"<title>{self.phrase(1)}</title><p class=lunch>{text}</p>" if subtype == b"html" else text
        octets = shown.encode(charset, "xmlcharrefreplace")
        encoding = self._random.choice((b"8bit", b"base64", b"quoted-printable"))
        letter.texts.append(text)
        body = {b"8bit": octets, b"base64": encodebytes(octets).replace(b"\n", b"\r\n")}.get(encoding)
        if body is None:
            body = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        header = b"Content-Type: text/%b; charset=%b\r\nContent-Transfer-Encoding: %b\r\n"
        return header % (subtype, charset.encode(), encoding), body

    def _multipart(self, letter: Letter, depth: int) -> tuple[bytes, bytes]:
        boundary = b"b%d-%d" % (depth, self._random.randrange(10**6))
        body = b"preamble nobody reads\r\n"
        for _ in range(self._random.randint(1, 3)):
            header, content = self._content(letter, depth + 1)
            body += b"--%b\r\n%b\r\n%b\r\n" % (boundary, header, content)
        return b'Content-Type: multipart/mixed; boundary="%b"\r\n' % boundary, body + b"--%b--\r\n" % boundary

    def _embedded(self, letter: Letter, depth: int) -> tuple[bytes, bytes]:
        inner = Letter()
        lines = self._field(inner, "Subject", self.phrase(4))
        header, body = self._text(letter, b"plain")
        inner.fields += fields_of(header)
        letter.texts += [f"{name}: {value}" for name, value in inner.fields]
        return b"Content-Type: message/rfc822\r\n", lines + header + b"\r\n" + body


def fields_of(header: bytes) -> list[tuple[str, str]]:
    """Of header lines without folds and encoded words."""
    return [(name, value) for line in header.decode().splitlines() for name, _, value in (line.partition(": "),)]
