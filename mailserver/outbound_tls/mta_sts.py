"""MTA-STS as text: the TXT record that announces a policy, the policy, and which hosts it names. RFC 8461 §3."""

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_POLICY_OCTETS = 65_536  # RFC 8461 §3.3
MAX_AGE_SECONDS = 31_557_600  # RFC 8461 §3.2: about a year; longer ones are taken as this
MIN_AGE_SECONDS = 3600  # shorter ones are taken as this: no domain makes us fetch at every message
MAX_PATTERNS = 1000  # MX patterns of one policy
MAX_RECORD_OCTETS = 4096
MAX_FIELDS = 100  # of a TXT record

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_FIELD = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})\s*=\s*([\x21-\x3a\x3c\x3e-\x7e]+)\s*")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PATTERN = re.compile(rf"(?=.{{1,255}}\Z)(?:\*\.)?{_LABEL}(?:\.{_LABEL})+", re.I)
_AGE = re.compile(r"[0-9]{1,10}")


class Mode(StrEnum):
    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"  # the domain gives its policy up


@dataclass(frozen=True, slots=True)
class StsPolicy:
    mode: Mode
    max_age: int  # seconds, within the bounds above
    mx: tuple[str, ...]  # lower case A-labels; "*.example.net" for one label more

    def names(self, host: str) -> bool:
        """Whether a pattern covers the host; "*" stands for one label. RFC 8461 §4.1"""
        host = host.lower().rstrip(".")
        above = "*." + host.partition(".")[2]
        return host in self.mx or above in self.mx

    def lines(self) -> tuple[str, ...]:
        """As in a policy file; what reports call the policy string."""
        patterns = tuple(f"mx: {pattern}" for pattern in self.mx)
        return ("version: STSv1", f"mode: {self.mode}", *patterns, f"max_age: {self.max_age}")


class BadPolicy(ValueError):  # noqa: N818 - as the others are named
    """Not a policy; the text says what is wrong with it."""


def record_id(records: tuple[bytes, ...]) -> str | None:
    """The id of the one STSv1 record at _mta-sts.DOMAIN; None: no MTA-STS here. RFC 8461 §3.1

    More than one is none, as is one that does not keep to the grammar.
    """
    found = [record for record in records if record[:8] in {b"v=STSv1;", b"v=STSv1 "} or record == b"v=STSv1"]
    if len(found) != 1 or len(found[0]) > MAX_RECORD_OCTETS:
        return None
    try:
        parts = found[0].decode("ascii").split(";")
    except UnicodeDecodeError:
        return None
    if not parts[-1].strip():
        parts.pop()
    fields = [_FIELD.fullmatch(part) for part in parts[:MAX_FIELDS]]
    values = [field[2] for field in fields if field is not None and field[1] == "id"]
    if None in fields or len(values) != 1 or _ID.fullmatch(values[0]) is None:
        return None
    return values[0]


def parse(text: bytes) -> StsPolicy:
    """Strict: what is not understood is no policy. Unknown keys are passed over. Raises BadPolicy. RFC 8461 §3.2"""
    if len(text) > MAX_POLICY_OCTETS:
        raise BadPolicy(f"the policy has more than {MAX_POLICY_OCTETS} octets")
    try:
        lines = text.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise BadPolicy("the policy is not UTF-8") from None
    first: dict[str, str] = {}
    mx: dict[str, None] = {}  # in order, each once
    for number, line in enumerate(lines, 1):
        if not line.strip(" \t"):
            continue
        key, value = _field(line, number)
        if key == "mx":
            mx[_pattern(value, number)] = None
        else:
            first.setdefault(key, value)  # of keys given twice the first counts, RFC 8461 §3.2
    return _policy(first, tuple(mx))


def _policy(fields: dict[str, str], mx: tuple[str, ...]) -> StsPolicy:
    if (version := fields.get("version", "")) != "STSv1":
        raise BadPolicy(f"the policy's version is {version[:40]!r}, not STSv1")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError:
        raise BadPolicy(f"the policy's mode is {fields.get('mode', '')[:40]!r}") from None
    age = fields.get("max_age", "")
    if _AGE.fullmatch(age) is None:
        raise BadPolicy(f"the policy's max_age is {age[:40]!r}")
    if not mx and mode is not Mode.NONE:
        raise BadPolicy("the policy names no mx")
    if len(mx) > MAX_PATTERNS:
        raise BadPolicy(f"the policy names more than {MAX_PATTERNS} mx")
    return StsPolicy(mode, min(max(int(age), MIN_AGE_SECONDS), MAX_AGE_SECONDS), mx)


def _field(line: str, number: int) -> tuple[str, str]:
    key, colon, value = (part.strip(" \t") for part in line.partition(":"))
    if not colon or not value or _KEY.fullmatch(key) is None:
        raise BadPolicy(f"line {number} of the policy is not 'key: value'")
    return key, value


def _pattern(value: str, number: int) -> str:
    if _PATTERN.fullmatch(value) is None:
        raise BadPolicy(f"line {number} of the policy: {value[:80]!r} is no mx pattern")
    return value.lower()
