"""The demo's accounts: made at the first start with random passwords, which are kept beside the data."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DOMAIN = "example.test"
ALIAS = "info@example.test"  # leads to both
NAMES = {"ann": "Ann Example", "ben": "Ben Beispiel"}
FILE = "logins.json"
PASSWORD_OCTETS = 9  # of randomness: 12 characters

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    password: str


def ensure(data: Path, random: Callable[[int], bytes]) -> tuple[list[Login], bool]:
    """The logins, and whether they are new: then the accounts need these passwords."""
    path = data / FILE
    kept = _read(path)
    if kept is not None:
        return kept, False
    made = [Login(f"{name}@{DOMAIN}", _password(random)) for name in NAMES]
    part = path.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({login.email: login.password for login in made}, file, indent=1)
    part.rename(path)
    return made, True


def _read(path: Path) -> list[Login] | None:
    try:
        kept = json.loads(path.read_text())
        return [Login(email, str(kept[email])) for email in (f"{name}@{DOMAIN}" for name in NAMES)]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing or damaged: new passwords


def _password(random: Callable[[int], bytes]) -> str:
    number = int.from_bytes(random(PASSWORD_OCTETS))
    letters = []
    for _ in range(12):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "-".join("".join(letters[at : at + 4]) for at in (0, 4, 8))
