"""MAIL and RCPT for a server that offers this and lacks that. RFC 5321 §4.1.1, RFC 1870, 3461, 6152, 6531, 8689.

What a server lacks is left out where the mail is the same without it, and refused in words where it is not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.errors import BadAddress
from mailserver.remote.content import Facts
from mailserver.remote.extensions import Extensions
from mailserver.text import domain_name

_NOT_ADDRESS = re.compile(r"[\x00-\x1f\x7f<>\ud800-\udfff]")  # what could end the path, or the command
_NOT_PARAMETER = re.compile(r"[^!-~]")
_SPACED = re.compile(r'"(?:[^"\\]|\\.)*"@\S+|\S+', re.DOTALL)  # a space only where quotes stand around it


class Unsendable(Exception):  # noqa: N818 - a refusal before the server had to say it
    """This mail can not go to this server; nothing was sent."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Mail:
    """What all recipients of a transaction share."""

    sender: str  # reverse-path, "" for the null one
    envid: str | None = None  # xtext
    ret: str | None = None
    smtputf8: bool = False  # the sender said that addresses or header may hold UTF-8
    require_tls: bool = False

    @property
    def insists_on_tls(self) -> bool:
        """REQUIRETLS in full. A notification asks for it where it can, and arrives all the same: RFC 8689 §5."""
        return self.require_tls and bool(self.sender)


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    notify: str | None = None
    orcpt: str | None = None  # xtext
    reverse_path: str | None = None  # in place of the sender, where the recipient has one of its own


@dataclass(frozen=True, slots=True)
class Plan:
    """How one message is sent to one server."""

    utf8: bool  # with SMTPUTF8
    converts: bool  # to 7-bit encodings first


def plan(mail: Mail, recipients: Sequence[Recipient], facts: Facts, offered: Extensions) -> Plan:
    """Raises Unsendable for what is wrong with the message or its sender, whoever receives it.

    SMTPUTF8 is asked for only where it is needed: the next server after this one may lack it.
    """
    if mail.insists_on_tls and not offered.offers("REQUIRETLS"):
        raise Unsendable(550, "5.7.30", "REQUIRETLS was demanded and the server does not offer it")
    if offered.size is not None and facts.octets > offered.size:
        raise Unsendable(552, "5.3.4", f"The message has {facts.octets} octets; the server takes {offered.size}")
    utf8_header = mail.smtputf8 and not facts.header_is_ascii
    if offered.offers("SMTPUTF8"):
        addresses = [mail.sender, *(recipient.address for recipient in recipients)]
        return Plan(utf8=utf8_header or not all(map(str.isascii, addresses)), converts=False)
    if utf8_header:
        raise Unsendable(554, "5.6.9", "The header holds UTF-8 and the server does not offer SMTPUTF8")
    _as_ascii(mail.sender)
    return Plan(utf8=False, converts=not facts.is_ascii and not offered.offers("8BITMIME"))


def mail_command(mail: Mail, plan: Plan, octets: int, is_ascii: bool, offered: Extensions) -> bytes:
    """`octets`, `is_ascii`: of the content as it will be sent."""
    words = [f"MAIL FROM:<{_address(mail.sender, plan.utf8)}>"]
    if offered.offers("SIZE"):
        words.append(f"SIZE={octets}")
    if not is_ascii and offered.offers("8BITMIME"):
        words.append("BODY=8BITMIME")
    if plan.utf8:
        words.append("SMTPUTF8")
    if mail.require_tls and offered.offers("REQUIRETLS"):
        words.append("REQUIRETLS")
    return _command(words, {"RET": mail.ret, "ENVID": mail.envid} if offered.offers("DSN") else {})


def rcpt_command(recipient: Recipient, plan: Plan, offered: Extensions) -> bytes:
    """Raises Unsendable where this address can not be said to this server."""
    words = [f"RCPT TO:<{_address(recipient.address, plan.utf8)}>"]
    dsn = {"NOTIFY": recipient.notify, "ORCPT": recipient.orcpt}
    return _command(words, dsn if offered.offers("DSN") else {})


def _command(words: list[str], parameters: dict[str, str | None]) -> bytes:
    """Parameters that are not printable ASCII were never in a command: they stay away."""
    given = [f"{name}={value}" for name, value in parameters.items() if value and not _NOT_PARAMETER.search(value)]
    return " ".join([*words, *given]).encode()


def _address(address: str, utf8: bool) -> str:
    if _NOT_ADDRESS.search(address) or (address and not _SPACED.fullmatch(address)):
        raise Unsendable(553, "5.1.3", BadAddress.text)
    return address if utf8 else _as_ascii(address)


def _as_ascii(address: str) -> str:
    """With A-labels for its domain; a local part has no ASCII form. RFC 6531 §3.2."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        if not local.isascii():
            raise ValueError(local)
        return f"{local}@{domain_name(domain)}"
    except ValueError:
        text = f"The address {address} can not be written without SMTPUTF8, which the server does not offer"
        raise Unsendable(553, "5.6.7", text) from None
