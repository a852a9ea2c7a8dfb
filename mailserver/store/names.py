"""Names as people type them, made into what the columns hold; what can not be one is refused by name.

A deleted row is called "<name>:<id>" until it is purged: the name can be given again meanwhile.
"""

from collections.abc import Callable
from typing import TypeVar

from mailserver import text
from mailserver.errors import BadAddress
from mailserver.store import folder_names

T = TypeVar("T")


def domain(name: str) -> str:
    return _refusing(text.domain_name, name)


def account(local_part: str) -> str:
    name = _refusing(text.account_name, local_part)
    if name == text.CATCH_ALL:
        raise BadAddress("'*' is no account; as an alias it takes what nothing else in the domain takes")
    return name


def account_address(address: str) -> tuple[str, str]:
    """(local part, domain) of an account."""
    local, at, name = address.rpartition("@")
    if not at:
        raise BadAddress(f"An address is name@domain: {address[:80]!a}")
    return account(local), domain(name)


def alias_address(address: str) -> tuple[str, str]:
    """(local part or "*", domain) of an alias; "@example.org" is another way to write "*@example.org"."""
    local, at, name = address.rpartition("@")
    if not at:
        raise BadAddress(f"An alias is name@domain, or *@domain: {address[:80]!a}")
    return (text.CATCH_ALL if local in {"", text.CATCH_ALL} else account(local)), domain(name)


def address(anything: str) -> tuple[str, str]:
    """(local part, domain or address literal) of any address, ours or not."""
    return _refusing(text.split_address, anything)


def deleted(name: str, row_id: int) -> str:
    return f"{name}:{row_id}"


def undeleted(name: str, row_id: int) -> str:
    return name.removesuffix(f":{row_id}")


def maildir(local_part: str, domain_name: str) -> str:
    """The usual place of a user's mail below data/mail: two path segments that no name can climb out of.

    Both names are valid, so neither has an empty segment between dots, and each is well below 255 octets.
    """
    return f"{domain_name}/" + ".".join(map(folder_names.segment, local_part.split(".")))


def _refusing(make: Callable[[str], T], name: str) -> T:
    try:
        return make(name)
    except ValueError as fault:
        raise BadAddress(f"{str(fault)[0].upper()}{str(fault)[1:]}") from None
