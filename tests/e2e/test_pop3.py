"""POP3 with clients we did not write (poplib, curl, fetchmail), beside IMAP, and across kills of the server."""

import poplib
import smtplib
import ssl
import subprocess
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import Demo, start_demo
from tests.e2e.conftest import logged_in
from tests.e2e.wire import Wire

TEXT = (
    b"From: Zo\xc3\xab <zoe@peer.test>\r\nTo: ann@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <%d@peer.test>\r\n\r\nHallo Welt\r\n.\r\n..zwei\r\n"
)
LARGE = 50_000_000


@pytest.fixture
def three(client: IMAPClient) -> IMAPClient:
    """Ann's IMAP session, with three messages in INBOX."""
    for number in (1, 2, 3):
        client.append("INBOX", TEXT % number)
    return client


def secure(demo: Demo, trust: ssl.SSLContext) -> poplib.POP3_SSL:
    return poplib.POP3_SSL("localhost", demo.port("pop3s"), context=trust, timeout=20)


def log_in(pop: poplib.POP3, demo: Demo, user: int = 0) -> None:
    pop.user(demo.users[user].email)
    pop.pass_(demo.users[user].password)


def test_poplib_over_stls(demo: Demo, three: IMAPClient, trust: ssl.SSLContext) -> None:
    pop = poplib.POP3("localhost", demo.port("pop3"), timeout=20)
    assert "STLS" in pop.capa()
    assert not {"USER", "SASL"} & {*pop.capa()}
    with pytest.raises(poplib.error_proto, match=r"\[SYS/PERM\] Encryption required"):
        pop.user(demo.users[0].email)
    pop.stls(trust)
    capabilities = pop.capa()
    assert "STLS" not in capabilities
    assert {"PLAIN", "LOGIN"} <= {*capabilities["SASL"]}
    pop.utf8()
    log_in(pop, demo)
    stored = TEXT % 1
    assert pop.stat() == (3, 3 * len(stored))
    assert pop.list()[1] == [b"%d %d" % (number, len(stored)) for number in (1, 2, 3)]
    assert pop.list(2) == b"+OK 2 %d" % len(stored)
    unique = [line.split()[1] for line in pop.uidl()[1]]
    assert len({*unique}) == 3
    assert pop.uidl(3).split()[2] == unique[2]
    assert b"\r\n".join(pop.retr(1)[1]) + b"\r\n" == stored
    header, _, _ = stored.partition(b"\r\n\r\n")
    assert b"\r\n".join(pop.top(1, 0)[1]) == header + b"\r\n"
    assert b"\r\n".join(pop.top(1, 2)[1]) == header + b"\r\n\r\nHallo Welt\r\n."
    pop.top(3, 10)
    pop.dele(2)
    with pytest.raises(poplib.error_proto, match="deleted"):
        pop.retr(2)
    assert pop.stat() == (2, 2 * len(stored))
    pop.rset()
    pop.dele(3)
    pop.noop()
    assert pop.quit() == b"+OK Bye, 2 messages left"
    assert three.folder_status("INBOX")[b"MESSAGES"] == 2
    three.select_folder("Trash")
    assert three.fetch(three.search(), ["BODY.PEEK[]"]).popitem()[1][b"BODY[]"] == TEXT % 3
    three.select_folder("INBOX")
    assert three.search("SEEN") == three.search()[:1], "RETR reads, TOP does not"


def test_poplib_inside_tls(demo: Demo, three: IMAPClient, trust: ssl.SSLContext) -> None:
    pop = secure(demo, trust)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\] Authentication failed"):
        pop.user("nobody@example.test")
        pop.pass_("wrong")
    log_in(pop, demo)
    before = pop.uidl()[1]
    pop.quit()
    with smtplib.SMTP("127.0.0.1", demo.port("smtp")) as sender:
        sender.sendmail("zoe@peer.test", [demo.users[0].email], TEXT % 4)
    pop = secure(demo, trust)
    log_in(pop, demo)
    assert pop.uidl()[1][:3] == before, "an id is for ever"
    assert pop.stat()[0] == 4
    other = secure(demo, trust)
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        other.user(demo.users[0].email)
        other.pass_(demo.users[0].password)
    log_in(other, demo, user=1)
    other.quit()
    pop.quit()


def test_imap_and_pop3_see_what_the_other_does(demo: Demo, three: IMAPClient, trust: ssl.SSLContext) -> None:
    three.select_folder("INBOX")
    [first, second, third] = three.search()
    pop = secure(demo, trust)
    log_in(pop, demo)
    three.delete_messages([first])
    three.uid_expunge([first])
    three.append("INBOX", TEXT % 4)
    with pytest.raises(poplib.error_proto, match="removed meanwhile"):
        pop.retr(1)
    assert len(pop.list()[1]) == 3, "the picture of the login stays"
    three.idle()
    pop.dele(1)
    pop.dele(2)
    pop.quit()
    assert any(event[1] == b"EXPUNGE" for event in three.idle_check(timeout=10))
    three.idle_done()
    assert three.search() == [third, third + 1]
    assert second not in three.search()


def curl(demo: Demo, url: str, *words: str) -> bytes:
    login = demo.users[0]
    command = ["curl", url, "--cacert", demo.facts["ca"], "--user", f"{login.email}:{login.password}"]
    options = ["--silent", "--show-error", "--fail", "--ssl-reqd", *words]
    return subprocess.run([*command, *options], check=True, capture_output=True, timeout=20).stdout


@pytest.mark.parametrize(("scheme", "face"), [("pop3s", "pop3s"), ("pop3", "pop3")])
def test_curl(demo: Demo, three: IMAPClient, scheme: str, face: str) -> None:
    address = f"{scheme}://localhost:{demo.port(face)}/"
    assert curl(demo, address + "2") == TEXT % 2
    assert curl(demo, address).splitlines() == [b"%d %d" % (number, len(TEXT % 1)) for number in (1, 2, 3)]
    for mechanism in ("PLAIN", "LOGIN"):
        listed = curl(demo, address, "--login-options", f"AUTH={mechanism}", "--request", "UIDL")
        assert len(listed.splitlines()) == 3
    assert curl(demo, address, "--sasl-ir", "--login-options", "AUTH=PLAIN").count(b"\n") == 3
    curl(demo, address + "1", "--request", "DELE", "--head")
    assert three.folder_status("INBOX")[b"MESSAGES"] == 2
    assert three.folder_status("Trash")[b"MESSAGES"] == 1


@pytest.mark.parametrize("security", ["ssl", "sslproto 'TLS1.2+'"])
def test_fetchmail(demo: Demo, three: IMAPClient, tmp_path: Path, security: str) -> None:
    login, port = demo.users[0], demo.port("pop3s" if security == "ssl" else "pop3")
    rc, got = tmp_path / "fetchmailrc", tmp_path / "got"
    (tmp_path / "deliver").write_text(f"#!/bin/sh\ncat >> {got}\necho ---- >> {got}\n")
    (tmp_path / "deliver").chmod(0o755)
    rc.write_text(
        f"poll localhost protocol pop3 port {port} uidl\n"
        f"user '{login.email}' password '{login.password}' {security} sslcertck sslcertfile '{demo.facts['ca']}'\n"
        f"mda '{tmp_path}/deliver' no rewrite\n"
    )
    rc.chmod(0o600)

    def fetch(*words: str) -> int:
        command = ["fetchmail", "--fetchmailrc", str(rc), "--idfile", str(tmp_path / "ids"), *words]
        done = subprocess.run(
            [*command, "--pidfile", str(tmp_path / "pid"), "--nosyslog"],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode in {0, 1}, done
        return done.returncode

    assert fetch("--keep") == 0
    fetched = got.read_bytes()
    assert fetched.count(b"Hallo Welt\n.\n..zwei\n") == 3, fetched
    assert fetch("--keep") == 1, "nothing new: the unique ids are known"
    three.append("INBOX", TEXT % 4)
    assert fetch("--keep") == 0
    assert got.read_bytes().count(b"----\n") == 4
    assert three.folder_status("INBOX")[b"MESSAGES"] == 4
    assert fetch("--nokeep", "--all") == 0
    assert three.folder_status("INBOX")[b"MESSAGES"] == 0
    assert three.folder_status("Trash")[b"MESSAGES"] == 4


def test_what_follows_stls_in_clear_is_not_run(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    """CVE-2011-0411."""
    with Wire(demo.port("pop3")) as wire:
        assert wire.line().startswith(b"+OK")
        wire.send(b"STLS\r\nQUIT\r\n")
        assert wire.line() == b"+OK Begin TLS negotiation now\r\n"
        wire.secure(trust)
        wire.send(b"NOOP\r\n")
        assert wire.line() == b"-ERR Not allowed before login\r\n"
        wire.send(b"STLS\r\n")
        assert wire.line() == b"-ERR TLS is active already\r\n"


def test_a_large_message_costs_little_memory(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    line = b"x" * 70 + b"\r\n"
    client.append("INBOX", b"Subject: large\r\n\r\n" + line * (LARGE // len(line)))
    pop = secure(demo, trust)
    log_in(pop, demo)
    [size] = [int(entry.split()[1]) for entry in pop.list()[1]]
    pop.top(1, 10)
    before = demo.rss_octets()
    assert pop.retr(1)[2] == size > 0.99 * LARGE
    assert demo.rss_octets() - before < 8_000_000
    pop.quit()


def test_a_kill_before_quit_deletes_nothing_and_one_after_it_everything(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "var", "--relaxed")
    try:
        trust = ssl.create_default_context(cafile=demo.facts["ca"])
        pop = secure(demo, trust)
        log_in(pop, demo)
        count, unique = pop.stat()[0], pop.uidl()[1]
        letters = [pop.retr(number + 1)[1] for number in range(count)]
        for number in range(count):
            pop.dele(number + 1)
        demo.kill()
        pop.close()
        demo = start_demo(tmp_path / "var", "--relaxed")
        pop = secure(demo, trust)
        log_in(pop, demo)
        assert pop.uidl()[1] == unique
        assert [pop.retr(number + 1)[1] for number in range(count)] == letters
        for number in range(count):
            pop.dele(number + 1)
        assert pop.quit().startswith(b"+OK")
        demo.kill()
        demo = start_demo(tmp_path / "var", "--relaxed")
        pop = secure(demo, trust)
        log_in(pop, demo)
        assert pop.stat() == (0, 0)
        pop.quit()
        imap = logged_in(demo, trust)
        imap.select_folder("Trash")
        kept = imap.fetch(imap.search()[-count:], ["BODY.PEEK[]"])
        assert sorted(message[b"BODY[]"] for message in kept.values()) == sorted(
            b"\r\n".join(lines) + b"\r\n" for lines in letters
        )
        imap.logout()
    finally:
        if demo.process.poll() is None:
            demo.kill()
