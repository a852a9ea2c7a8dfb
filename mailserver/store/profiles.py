"""What an account says of its person: name, language, time zone, picture."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailserver.errors import BadValue, NoSuchUser
from mailserver.store.database import Rx, Tx
from mailserver.store.events import AccountsChanged

MAX_AVATAR_OCTETS = 256 * 1024
MAX_LOCALE = 35  # characters, RFC 5646 §4.4.1
MAX_ZONE = 64

_LOCALE = re.compile(  # RFC 5646 §2.1: language, script, region, variants, extensions, private use
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True, slots=True)
class Profile:
    user_id: int
    address: str
    display_name: str  # "" where none
    locale: str | None  # as language tags are written: de-AT
    timezone: str | None  # IANA
    avatar_type: str | None  # media type; None: no picture
    avatar_changed_at: int | None  # epoch milliseconds


@dataclass(frozen=True, slots=True)
class Avatar:
    media_type: str  # image/png, image/jpeg or image/webp
    data: bytes


_SELECT = """SELECT u.id, u.username || '@' || d.name, coalesce(u.display_name, ''), u.locale, u.timezone,
    a.media_type, a.changed_at
    FROM users u JOIN domains d ON d.id = u.domain_id LEFT JOIN avatars a ON a.user_id = u.id
    WHERE u.deleted_at IS NULL AND d.deleted_at IS NULL"""


def get(rx: Rx, user_id: int) -> Profile:
    row = rx.one(f"{_SELECT} AND u.id = ?", user_id)
    if row is None:
        raise NoSuchUser
    return Profile(*row)


def list_active(rx: Rx, domain_id: int | None = None) -> list[Profile]:
    """Those who may log in, by address; of one domain or of all."""
    rows = rx.all(
        f"""{_SELECT} AND u.is_active IS TRUE AND d.is_active IS TRUE AND (u.domain_id = ?1 OR ?1 IS NULL)
            ORDER BY d.name, u.username""",
        domain_id,
    )
    return [Profile(*row) for row in rows]


def avatar(rx: Rx, user_id: int) -> Avatar | None:
    row = rx.one("SELECT media_type, data FROM avatars WHERE user_id = ?", user_id)
    return Avatar(*row) if row else None


def set_locale(tx: Tx, user_id: int, locale: str | None) -> None:
    """None takes it away. Raises BadValue."""
    _set(tx, user_id, "locale", None if locale is None else checked_locale(locale))


def set_timezone(tx: Tx, user_id: int, timezone: str | None) -> None:
    """None takes it away. Raises BadValue."""
    _set(tx, user_id, "timezone", None if timezone is None else checked_timezone(timezone))


def set_avatar(tx: Tx, user_id: int, data: bytes | None) -> None:
    """None takes it away. Raises BadValue."""
    if data is None:
        tx.run("DELETE FROM avatars WHERE user_id = ?", user_id)
    else:
        tx.run(
            "INSERT OR REPLACE INTO avatars (user_id, media_type, data, changed_at) VALUES (?, ?, ?, ?)",
            user_id,
            media_type(data),
            data,
            tx.now_ms,
        )
    tx.tell(AccountsChanged())


def set_collects(tx: Tx, user_id: int, choice: bool | None) -> None:
    """Whether people it writes to are collected; None: what the configuration says."""
    _set(tx, user_id, "collects", None if choice is None else int(choice))


def set_shows_birthdays(tx: Tx, user_id: int, choice: bool | None) -> None:
    """Whether it has a calendar of birthdays; None: what the configuration says."""
    _set(tx, user_id, "shows_birthdays", None if choice is None else int(choice))


def shows_birthdays(rx: Rx, user_id: int) -> bool | None:
    row = rx.one("SELECT shows_birthdays FROM users WHERE id = ?", user_id)
    return None if row is None or row[0] is None else bool(row[0])


def checked_locale(locale: str) -> str:
    """In the usual case of letters, RFC 5646 §2.1.1."""
    if len(locale) > MAX_LOCALE or not _LOCALE.fullmatch(locale):
        raise BadValue(f"A language is written as en, de-AT or zh-Hant-TW (BCP 47), not {locale[:40]!a}")
    first, *rest = locale.lower().split("-")
    return "-".join([first, *map(_subtag, rest)])


def checked_timezone(timezone: str) -> str:
    try:
        if len(timezone) > MAX_ZONE or not _ZONE.fullmatch(timezone):
            raise ValueError("not the name of a zone")
        return ZoneInfo(timezone).key
    except (KeyError, ValueError, OSError):  # it is looked up as a file
        raise BadValue(f"A time zone is a name such as Europe/Vienna or UTC, not {timezone[:40]!a}") from None


def media_type(data: bytes) -> str:
    """By its first octets, never by a name. Raises BadValue."""
    if len(data) > MAX_AVATAR_OCTETS:
        raise BadValue(f"A picture has at most {MAX_AVATAR_OCTETS // 1024} KiB; this one has {len(data) // 1024} KiB")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    raise BadValue("A picture is a PNG, JPEG or WebP file")


def _subtag(tag: str) -> str:
    if len(tag) == 2:
        return tag.upper()
    return tag.title() if len(tag) == 4 and tag.isalpha() else tag


def _set(tx: Tx, user_id: int, column: str, value: str | int | None) -> None:
    tx.run(f"UPDATE users SET {column} = ?, updated_at = ? WHERE id = ?", value, tx.now, user_id)
    tx.tell(AccountsChanged())
