"""The charsets in which a client may send search text. Anything else is [BADCHARSET]. RFC 9051 §6.4.4."""

from mailserver.imap.wire.reader import BadSyntax

# IANA's preferred name, and Python's codec. A list of ours: Python has codecs of much that is no text (zlib, rot13).
CHARSETS = {
    "US-ASCII": "ascii",
    "UTF-8": "utf-8",
    **{f"ISO-8859-{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"WINDOWS-{page}": f"cp{page}" for page in range(1250, 1259)},
    "KOI8-R": "koi8-r",
    "KOI8-U": "koi8-u",
    "ISO-2022-JP": "iso2022-jp",
    "SHIFT_JIS": "shift_jis",
    "EUC-JP": "euc-jp",
    "EUC-KR": "euc-kr",
    "GB2312": "gb2312",
    "GBK": "gbk",
    "GB18030": "gb18030",
    "BIG5": "big5",
}


def decode(octets: bytes, charset: str | None) -> str:
    """Text of a search key; without CHARSET it is UTF-8, as IMAP4rev2 has it and rev1 clients mean it."""
    try:
        return octets.decode(CHARSETS[charset or "UTF-8"])
    except UnicodeError:
        raise BadSyntax("Search text is not valid in its charset") from None
