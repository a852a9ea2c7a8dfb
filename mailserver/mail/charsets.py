"""Octets to text: the charsets that mail uses, by name, and a guess where none is given or none is true.

Only the codecs listed here are ever looked up: Python's registry also holds things that are no charsets (zip,
hex, rot13, idna, unicode_escape), and importing one by a name of the sender's choice is his choice, not ours.
"""

import codecs

LONGEST_NAME = 60

_SAME_NAME = (
    *("utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "utf-7"),
    *("koi8-r", "koi8-u", "koi8-t", "gbk", "gb18030", "hz", "euc-jp", "iso-2022-kr", "johab", "ptcp154"),
    *(f"cp{page}" for page in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869)),
    *("cp874", "cp932", "cp949", "cp950"),
)

# As browsers read them: a label is taken for the wider charset that mail with this label is really in.
_CODECS = (
    {name: name for name in _SAME_NAME}
    | {f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
    | {f"{prefix}{page}": f"cp{page}" for prefix in ("windows-", "cp", "x-cp") for page in range(1250, 1259)}
    | {f"ibm{page}": f"cp{page}" for page in (437, 850, 852, 855, 857, 858, 862, 864, 866)}
    | dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1"), "cp1252")
    | dict.fromkeys(("iso-8859-9", "iso8859-9", "latin5"), "cp1254")
    | dict.fromkeys(("iso-8859-11", "tis-620", "windows-874"), "cp874")
    | dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), "iso8859-8")
    | dict.fromkeys(("iso8859-15", "latin-9", "latin9"), "iso8859-15")
    | dict.fromkeys(("iso8859-2", "latin2"), "iso8859-2")
    | dict.fromkeys(("utf8", "unicode-1-1-utf-8"), "utf-8")
    | dict.fromkeys(("unicode-1-1-utf-7", "x-unicode-2-0-utf-7"), "utf-7")
    | dict.fromkeys(("gb2312", "gb-2312-80", "x-gbk", "cp936"), "gb18030")
    | dict.fromkeys(("hz-gb-2312",), "hz")
    | dict.fromkeys(("big5", "big5-hkscs", "x-big5"), "big5hkscs")
    | dict.fromkeys(("shift-jis", "sjis", "x-sjis", "windows-31j", "ms-kanji", "ms932"), "cp932")
    | dict.fromkeys(("x-euc-jp", "eucjp"), "euc-jp")
    | dict.fromkeys(("iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-ms", "cp50221"), "iso2022_jp_ext")
    | dict.fromkeys(("euc-kr", "ks-c-5601-1987", "ks-c-5601", "ksc5601", "x-windows-949", "uhc"), "cp949")
    | dict.fromkeys(("macintosh", "x-mac-roman", "mac"), "mac_roman")
    | {"x-mac-cyrillic": "mac_cyrillic", "x-mac-ce": "mac_latin2", "x-mac-greek": "mac_greek"}
)


def codec(name: str) -> str | None:
    """Python's codec for a charset label of mail; None for what we do not know. US-ASCII is read by `guess`."""
    return _CODECS.get(name.strip().lower().replace("_", "-")) if len(name) <= LONGEST_NAME else None


def decode(data: bytes, charset: str) -> str:
    """Text in the named charset; never raises. What does not fit becomes U+FFFD; unknown charsets are guessed."""
    known = _CODECS.get(charset) or codec(charset)
    if known is None:
        return guess(data)
    text = data.decode(known, "replace")
    # UTF-7 alone can spell half a surrogate pair, which no later encoder would take.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if known == "utf-7" else text


def guess(data: bytes) -> str:
    """Text of an unnamed charset: UTF-8 where it is valid, else Windows-1252, the most frequent other one."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def decoder(charset: str) -> "codecs.IncrementalDecoder | Guess":
    """For text that comes in pieces: as `decode`, but halves of surrogates stay."""
    known = codec(charset)
    return Guess() if known is None else codecs.getincrementaldecoder(known)("replace")


class Guess:
    """UTF-8 until something is not, then Windows-1252."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True

    def decode(self, octets: bytes, final: bool = False) -> str:
        begun = self._utf8.getstate()[0]
        if self._is_utf8:
            try:
                return self._utf8.decode(octets, final)
            except UnicodeDecodeError:
                self._is_utf8 = False
                self._utf8.reset()
        return (begun + octets).decode("cp1252", "replace")
