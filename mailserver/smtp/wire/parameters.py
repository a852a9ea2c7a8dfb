"""Parameters of MAIL and RCPT as values, each a row of a table. RFC 1870, 3461, 4865, 4954, 6152, 6531, 8689."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailserver.errors import BadValue
from mailserver.mail.transaction import Body, Notify, Ret

MAX_ENVID = 100  # characters, RFC 3461 §4.4
MAX_ORCPT = 500  # characters, RFC 3461 §4.2

_SIZE = re.compile(rb"[0-9]{1,20}")  # RFC 1870 §5
_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 §4
_CONTROL = re.compile(rb"\+(?:[01][0-9A-F]|7F)")  # an encoded control octet would end up in a header field
_HOLD_FOR = re.compile(rb"[1-9][0-9]{0,8}")  # RFC 4865 §4
# RFC 3339 §5.6, as erratum 2040 of RFC 4865 has it
_HOLD_UNTIL = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)
_ORCPT = re.compile(rb"([A-Za-z0-9-]{1,64});([!-~\x80-\xff]+)")


class BadParameter(BadValue):
    smtp, text = "501 5.5.4", "A parameter has an impossible value or stands twice"


class UnknownParameter(BadValue):
    smtp, text = "555 5.5.4", "Parameter not recognised or not implemented"


@dataclass(frozen=True, slots=True)
class MailParameters:
    size: int | None = None  # octets announced
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    auth: str | None = None  # who submitted it first, xtext; "<>" unknown. Read and not believed, RFC 4954 §5
    ret: Ret | None = None
    envid: str | None = None  # xtext as sent
    hold_for: int | None = None  # seconds
    hold_until: datetime | None = None  # aware
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class RcptParameters:
    notify: Notify | None = None
    orcpt: str | None = None  # address type, ";", xtext as sent


NO_MAIL_PARAMETERS = MailParameters()
NO_RCPT_PARAMETERS = RcptParameters()


def mail_parameters(rest: bytes) -> MailParameters:
    """What follows the reverse-path. Raises BadParameter, UnknownParameter."""
    return MailParameters(**_read(_MAIL, rest)) if rest else NO_MAIL_PARAMETERS


def rcpt_parameters(rest: bytes) -> RcptParameters:
    """What follows the forward-path. Raises BadParameter, UnknownParameter."""
    return RcptParameters(**_read(_RCPT, rest)) if rest else NO_RCPT_PARAMETERS


# A parser takes the octets after "=", None where there was no "=", and raises ValueError.
_Row = tuple[str, Callable[[bytes | None], Any]]


def _read(table: Mapping[bytes, _Row], rest: bytes) -> dict[str, Any]:
    if not rest.startswith(b" "):
        raise BadParameter("A space is missing before the parameters")
    values: dict[str, Any] = {}
    for parameter in rest.split(b" "):
        if not parameter:
            continue  # several spaces, or one at the end of the line
        keyword, equals, value = parameter.partition(b"=")
        row = table.get(keyword.upper())
        if row is None:
            raise UnknownParameter
        name, parse = row
        if name in values:
            raise BadParameter
        try:
            values[name] = parse(value if equals else None)
        except ValueError:
            raise BadParameter from None
    return values


def _size(value: bytes | None) -> int:
    if value is None or not _SIZE.fullmatch(value):
        raise ValueError("SIZE")
    return int(value)


def _body(value: bytes | None) -> Body:
    return Body((value or b"").upper().decode())


def _smtputf8(value: bytes | None) -> bool:
    if value is not None:
        raise ValueError("SMTPUTF8 takes no value")
    return True


def _auth(value: bytes | None) -> str:
    return "<>" if value == b"<>" else _xtext(value, 2 * MAX_ORCPT)


def _ret(value: bytes | None) -> Ret:
    return Ret((value or b"").upper().decode())


def _envid(value: bytes | None) -> str:
    return _xtext(value, MAX_ENVID)


def _hold_for(value: bytes | None) -> int:
    if value is None or not _HOLD_FOR.fullmatch(value):
        raise ValueError("HOLDFOR")
    return int(value)


def _hold_until(value: bytes | None) -> datetime:
    if value is None or not _HOLD_UNTIL.fullmatch(value):
        raise ValueError("HOLDUNTIL")
    return datetime.fromisoformat(value.decode().upper())


def _require_tls(value: bytes | None) -> bool:
    if value is not None:
        raise ValueError("REQUIRETLS takes no value")
    return True


def _notify(value: bytes | None) -> Notify:
    words = (value or b"").upper().decode().split(",")
    notify = Notify(0)
    for word in words:
        notify |= _NOTIFY[word] if word in _NOTIFY else _refuse()
    others = notify & ~Notify.NEVER
    return _refuse() if others and others != notify else notify  # NEVER stands alone


def _orcpt(value: bytes | None) -> str:
    found = _ORCPT.fullmatch(value or b"")
    if found is None:
        raise ValueError("ORCPT")
    if found[1].lower() == b"utf-8":  # RFC 6533 §3: also UTF-8 itself and \x{...}
        text = found[2].decode()
        if len(found[0]) > MAX_ORCPT or not text.isprintable():
            raise ValueError("ORCPT")
        return found[1].decode() + ";" + text
    return found[1].decode() + ";" + _xtext(found[2], MAX_ORCPT - len(found[1]) - 1)


def _xtext(value: bytes | None, most: int) -> str:
    if not value or len(value) > most or not _XTEXT.fullmatch(value) or _CONTROL.search(value):
        raise ValueError("xtext")
    return value.decode()


def _refuse() -> Notify:
    raise ValueError("NOTIFY")


_NOTIFY = dict(Notify.__members__.items())

_MAIL: Mapping[bytes, _Row] = {
    b"SIZE": ("size", _size),
    b"BODY": ("body", _body),
    b"SMTPUTF8": ("smtputf8", _smtputf8),
    b"AUTH": ("auth", _auth),
    b"RET": ("ret", _ret),
    b"ENVID": ("envid", _envid),
    b"HOLDFOR": ("hold_for", _hold_for),
    b"HOLDUNTIL": ("hold_until", _hold_until),
    b"REQUIRETLS": ("require_tls", _require_tls),
}

_RCPT: Mapping[bytes, _Row] = {
    b"NOTIFY": ("notify", _notify),
    b"ORCPT": ("orcpt", _orcpt),
}
