"""What the demo tells a program that started it: one line of JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailserver.demo.logins import Login
from mailserver.demo.settings import HOST

# Faces in the order of the interface; None: not there yet
FACES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve")
PAGES = ("http", "https", "dav")  # of the web


def as_json(ports: Mapping[str, int], ca: Path, logins: Sequence[Login]) -> str:
    """The stable interface: keys do not change, what does not exist yet is null."""
    facts: dict[str, object] = {"host": HOST}
    facts |= {face: ports.get(face) for face in FACES + PAGES}
    if "https" in ports:
        facts["dav"] = f"https://localhost:{ports['https']}/dav/"
    facts |= {"ca": str(ca), "users": [{"email": login.email, "password": login.password} for login in logins]}
    return json.dumps(facts)
