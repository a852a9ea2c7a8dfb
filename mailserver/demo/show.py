"""What the demo tells the person who started it."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailserver.demo.logins import ALIAS, Login
from mailserver.demo.settings import HOST

_ABOUT = {
    "smtp": ("SMTP", "mail from other servers", "STARTTLS"),
    "submission": ("Submission", "mail from the accounts", "STARTTLS, login"),
    "submissions": ("Submissions", "mail from the accounts", "TLS, login"),
    "imap": ("IMAP", "reading mail", "STARTTLS, login"),
    "imaps": ("IMAPS", "reading mail", "TLS, login"),
    "pop3": ("POP3", "fetching mail", "STLS, login"),
    "pop3s": ("POP3S", "fetching mail", "TLS, login"),
    "https": ("HTTPS", "calendars and contacts", "TLS, login"),
    "http": ("HTTP", "/health, /ready, /metrics", ""),
}


def show(console: Console, ports: Mapping[str, int], data: Path, ca: Path, logins: Sequence[Login]) -> None:
    faces = Table("", "for", "address", "security", box=SIMPLE_HEAD, title="A mail server for example.test is running")
    for face, port in ports.items():
        name, purpose, security = _ABOUT[face]
        faces.add_row(Text(name, style="bold"), purpose, f"{HOST}:{port}", security)
    console.print(faces)
    users = Table("login", "password", box=SIMPLE_HEAD)
    for login in logins:
        users.add_row(login.email, login.password)
    console.print(users)
    for line in _to_try(ports, data, ca, logins):
        console.print(Text(line), soft_wrap=True)


def _to_try(ports: Mapping[str, int], data: Path, ca: Path, logins: Sequence[Login]) -> list[str]:
    ann, ben = logins
    return [
        f"{ALIAS} leads to both; ann+anything@example.test is Ann. Mail to anybody else is caught and never sent.",
        "",
        "Things to try:",
        f"  swaks --server {HOST}:{ports['smtp']} --tls --to {ann.email} --from you@elsewhere.example",
        f"  swaks --server {HOST}:{ports['submission']} --tls --auth-user {ben.email} \\",
        f"        --auth-password {ben.password} --from {ben.email} --to {ann.email},friend@elsewhere.example",
        f"  curl --cacert {_short(ca)} --user {ann.email}:{ann.password} 'imaps://localhost:{ports['imaps']}/INBOX?ALL'",
        f"  {_program()} --data {_short(data)} user list",
        "",
        f"Thunderbird: account {ann.email}, IMAP localhost port {ports['imaps']} SSL/TLS, SMTP localhost port "
        f"{ports['submissions']} SSL/TLS,",
        f"  normal password; import {_short(ca)} as an authority (Settings, Certificates), or accept the exception.",
        "",
        f"Calendars and contacts: https://localhost:{ports['https']}/dav/, log in with the address and its password;",
        f"  curl --cacert {_short(ca)} --user {ann.email}:{ann.password} https://localhost:{ports['https']}/dav/",
        "",
        f"Data: {_short(data)}   caught mail: {_short(data / 'caught')}   log: {_short(data / 'mailserver.log')}",
        "Ctrl-C stops the server; the next start keeps what is there.",
    ]


def _program() -> str:
    """How this program is called from here."""
    called = Path(sys.argv[0])
    return (
        _short(called.absolute())
        if called.name == "mailserver" and shutil.which("mailserver") is None
        else "mailserver"
    )


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
