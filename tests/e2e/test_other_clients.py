"""More clients we did not write: aioimaplib, offlineimap, neomutt; each does a user's round on a real server."""

import asyncio
import mailbox
import shlex
import smtplib
import ssl
import subprocess
from pathlib import Path

import aioimaplib
from imapclient import IMAPClient

from tests.daemon import Demo

PUSH_SECONDS = 10.0
CLIENT_SECONDS = 90.0


def letter(number: int) -> bytes:
    return (
        f"From: Zoe <zoe@peer.test>\r\nTo: ann@example.test\r\nSubject: letter {number}\r\n"
        f"Message-ID: <{number}@peer.test>\r\n\r\nbody {number}\r\n"
    ).encode()


# ---- aioimaplib ----


def test_aioimaplib_reads_moves_and_idles(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    asyncio.run(_aioimaplib_round(demo, trust))
    assert client.folder_status("Trash", ["MESSAGES"])[b"MESSAGES"] == 1


async def _aioimaplib_round(demo: Demo, trust: ssl.SSLContext) -> None:
    imap = aioimaplib.IMAP4_SSL("127.0.0.1", demo.port("imaps"), ssl_context=trust)
    await imap.wait_hello_from_server()
    try:
        await _aioimaplib_session(demo, imap)
    finally:
        imap.protocol.transport.abort()  # the library leaves its socket to the server's end
        await asyncio.sleep(0)


async def _aioimaplib_session(demo: Demo, imap: aioimaplib.IMAP4_SSL) -> None:
    login = demo.users[0]
    assert (await imap.login(login.email, login.password)).result == "OK"
    assert (await imap.append(letter(1), mailbox="INBOX", flags="(\\Flagged)")).result == "OK"
    assert (await imap.select("INBOX")).result == "OK"
    idle = await imap.idle_start(timeout=PUSH_SECONDS)
    await asyncio.to_thread(_deliver, demo, letter(2))
    pushed = await imap.wait_server_push()
    while b"2 EXISTS" not in pushed:
        pushed = await imap.wait_server_push()
    imap.idle_done()
    await asyncio.wait_for(idle, PUSH_SECONDS)
    found = await imap.uid_search("FLAGGED")
    [uid] = found.lines[0].decode().split()
    fetched = await imap.uid("fetch", f"{uid}:*", "(FLAGS BODY.PEEK[TEXT])")
    assert fetched.result == "OK"
    assert b"body 1\r\n" in b"".join(bytes(line) for line in fetched.lines)
    assert (await imap.uid("move", uid, "Trash")).result == "OK"
    assert (await imap.noop()).result == "OK"
    assert (await imap.uid_search("ALL")).lines[0] == b"%d" % (int(uid) + 1)
    await imap.logout()


def _deliver(demo: Demo, message: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", demo.port("smtp")) as sender:
        sender.sendmail("zoe@peer.test", [demo.users[0].email], message)


# ---- offlineimap ----


def test_offlineimap_brings_both_sides_together(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    client.create_folder("Projekte/Büro")
    for number in range(1, 31):
        client.append("Projekte/Büro" if number % 3 == 0 else "INBOX", letter(number), flags=[b"\\Seen"])
    rc, local = _offlineimaprc(tmp_path, demo)
    _offlineimap(rc)
    inbox = mailbox.Maildir(local / "INBOX", factory=None)
    assert len(inbox) == 20
    assert len(mailbox.Maildir(local / "Projekte" / "Büro", factory=None)) == 10

    key, message = next((key, message) for key, message in inbox.items() if message["Subject"] == "letter 1")
    message.add_flag("F")
    inbox[key] = message
    inbox.add(letter(99).replace(b"\r\n", b"\n"))
    client.select_folder("INBOX")
    [uid] = client.search(["SUBJECT", "letter 2"])[:1]
    client.delete_messages([uid])
    client.expunge()
    _offlineimap(rc)

    client.unselect_folder()
    client.select_folder("INBOX", readonly=True)
    assert len(client.search()) == 20, "one came, one went"
    assert client.search(["FLAGGED"]) == client.search(["HEADER", "Message-ID", "<1@peer.test>"])
    assert len(client.search(["SUBJECT", "letter 99"])) == 1
    assert len(mailbox.Maildir(local / "INBOX", factory=None)) == 20


def _offlineimaprc(tmp_path: Path, demo: Demo) -> tuple[Path, Path]:
    login, local, rc = demo.users[0], tmp_path / "mail", tmp_path / "offlineimaprc"
    rc.write_text(
        f"""[general]
accounts = ann
metadata = {tmp_path / "state"}
ui = quiet

[Account ann]
localrepository = near
remoterepository = far
utf8foldernames = yes

[Repository near]
type = Maildir
localfolders = {local}
sep = /

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {demo.port("imaps")}
remoteuser = {login.email}
remotepass = {login.password}
ssl = yes
sslcacertfile = {demo.facts["ca"]}
"""
    )
    return rc, local


def _offlineimap(rc: Path) -> None:
    done = subprocess.run(
        ["offlineimap", "-o", "-c", rc], capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# ---- neomutt ----


def test_neomutt_flags_saves_and_deletes(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        client.append("INBOX", letter(number))
    _neomutt(demo, tmp_path, "<flag-message>", "<save-message>=Archive<enter>", "<sync-mailbox>", "<quit>")
    client.select_folder("Archive", readonly=True)
    assert len(client.search(["FLAGGED", "SUBJECT", "letter 1"])) == 1
    client.unselect_folder()
    client.select_folder("INBOX", readonly=True)
    assert len(client.search()) == 2

    _neomutt(demo, tmp_path, "<limit>~b 'body 3'<enter>", "<delete-message>", "<sync-mailbox>", "<quit>")
    client.unselect_folder()
    client.select_folder("INBOX", readonly=True)
    assert client.search() == client.search(["SUBJECT", "letter 2"])


def _neomutt(demo: Demo, tmp_path: Path, *keys: str) -> None:
    """Its header cache stays in tmp_path, so that the second start resynchronises."""
    login, cache, rc = demo.users[0], tmp_path / "cache", tmp_path / "neomuttrc"
    cache.mkdir(exist_ok=True)
    rc.write_text(
        f"""set imap_user = "{login.email}"
set imap_pass = "{login.password}"
set folder = "imaps://localhost:{demo.port("imaps")}/"
set spoolfile = "+INBOX"
set header_cache = "{cache}"
set certificate_file = "{demo.facts["ca"]}"
set ssl_ca_certificates_file = "{demo.facts["ca"]}"
set ssl_usesystemcerts = no
set imap_condstore = yes
set imap_qresync = yes
set sort = mailbox-order
set quit = yes
set delete = yes
set confirmappend = no
set confirmcreate = no
set wait_key = no
set move = no
set mark_old = no
set resolve = no
push "{"".join(keys)}"
"""
    )
    command = shlex.join(["neomutt", "-n", "-F", str(rc)])
    environment = {"TERM": "xterm", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        capture_output=True, timeout=CLIENT_SECONDS, check=False, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
