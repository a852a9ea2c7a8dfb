"""Names of IMAP capabilities in settings: only those the server has, and that can be switched off."""

from collections.abc import Iterable

from mailserver.config.load import ConfigErrors, Loaded
from mailserver.errors import BadValue


def require_known(names: Iterable[str]) -> None:
    """Raises BadValue naming what is known."""
    from mailserver.imap.capabilities import can_be_switched_off

    known = can_be_switched_off()
    wrong = [name for name in names if name.upper() not in known]
    if wrong:
        raise BadValue(f"{wrong[0]!r} is no capability that can be switched off; known are {', '.join(known)}")


def checked(loaded: Loaded) -> Loaded:
    """The configuration with its capability names looked at. Raises ConfigErrors."""
    if loaded.config.imap.without:
        try:
            require_known(loaded.config.imap.without)
        except BadValue as fault:
            raise ConfigErrors([f"imap.without: {fault.text}"]) from None
    return loaded
