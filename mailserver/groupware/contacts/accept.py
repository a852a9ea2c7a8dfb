"""A vCard before it is stored: valid, and what it gives the columns. RFC 6352 §5.1, §6.3.2.1."""

import json

from mailserver.errors import InvalidAddressData
from mailserver.groupware.accepted import Accepted
from mailserver.store.collections import Collection
from mailserver.store.database import Value
from mailserver.vcard.check import Checked, checked
from mailserver.vcard.lines import BadCard
from mailserver.vcard.narrowing import searched

COMPONENT = "VCARD"


def accept(data: bytes, collection: Collection | None = None) -> Accepted:
    """The octets are stored as they are. Raises InvalidAddressData with the line and what is wrong there."""
    del collection  # every address book takes the same
    try:
        found = checked(data)
        data.decode("utf-8")
    except BadCard as fault:
        raise InvalidAddressData(f"Not a vCard that can be kept: {fault}") from None
    except UnicodeDecodeError:  # the lines are: a fold stands inside a character, or a line has another charset
        raise InvalidAddressData("Not a vCard that can be kept: it is not UTF-8 throughout") from None
    return Accepted(found.fields.uid, COMPONENT, _columns(found))


def _columns(found: Checked) -> dict[str, Value]:
    fields = found.fields
    return {
        "full_name": fields.full_name,
        "given_name": fields.given_name or None,
        "family_name": fields.family_name or None,
        "nickname": fields.nickname or None,
        "emails": json.dumps(fields.emails, ensure_ascii=False),
        "phones": json.dumps(fields.phones, ensure_ascii=False),
        "organization": fields.organization or None,
        "search_text": searched(found.card),
        "birthday": None if fields.is_group or fields.birthday is None else str(fields.birthday),
        "anniversary": None if fields.is_group or fields.anniversary is None else str(fields.anniversary),
    }
