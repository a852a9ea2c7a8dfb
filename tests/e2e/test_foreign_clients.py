"""Clients we did not write, doing all they offer: imaplib, imapclient, curl, mutt, Python's mailbox."""

import imaplib
import mailbox
import smtplib
import ssl
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from tests.daemon import Demo, wait_until
from tests.e2e.conftest import logged_in

TEXT = (
    b"From: Zo\xc3\xab <zoe@peer.test>\r\nTo: ann@example.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHallo Welt\r\n"
)


def test_imapclient_walks_through_everything_it_offers(client: IMAPClient) -> None:
    assert client.has_capability("IDLE")
    assert client.namespace().personal == (("", "/"),)
    client.create_folder("Projekte/Büro")
    client.subscribe_folder("Projekte/Büro")
    names = {name for _, _, name in client.list_folders()}
    assert {"Projekte", "Projekte/Büro", "INBOX", "Sent"} <= names
    assert client.find_special_folder(b"\\Sent") == "Sent"
    client.rename_folder("Projekte/Büro", "Projekte/Haus")
    assert "Projekte/Büro" in {name for _, _, name in client.list_sub_folders()}, "LSUB keeps the old name"
    client.unsubscribe_folder("Projekte/Büro")
    client.append("Projekte/Haus", TEXT, flags=[b"\\Flagged", b"$Work"])
    assert client.folder_status("Projekte/Haus")[b"MESSAGES"] == 1
    assert client.select_folder("Projekte/Haus")[b"EXISTS"] == 1
    [uid] = client.search(["FLAGGED", "SUBJECT", "grüße"], charset="UTF-8")
    row = client.fetch([uid], ["ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]"])[uid]
    assert row[b"BODY[]"] == TEXT
    assert row[b"RFC822.SIZE"] == len(TEXT)
    assert row[b"ENVELOPE"].to[0].mailbox == b"ann"
    assert {*client.get_flags([uid])[uid]} >= {b"\\Flagged", b"$Work"}
    client.set_flags([uid], [b"\\Seen"])
    client.copy([uid], "Archive")
    client.move([uid], "Trash")
    assert client.search() == []
    client.close_folder()
    client.delete_folder("Projekte/Haus")
    client.delete_folder("Projekte")
    with pytest.raises(IMAPClientError, match=r"(?i)no such mailbox|NONEXISTENT"):
        client.select_folder("Projekte")
    assert [(q.quota_root, q.resource) for q in client.get_quota("INBOX")][:1] == [("", "STORAGE")]


def test_imapclient_sorts_and_threads(client: IMAPClient) -> None:
    client.create_folder("Sorted")
    client.select_folder("Sorted")
    for number, (subject, references) in enumerate((("Re: b", "<2@x>"), ("a", ""), ("b", ""))):
        header = f"Subject: {subject}\r\nMessage-ID: <{number}@x>\r\n"
        header += f"References: {references}\r\n" if references else ""
        client.append("Sorted", header.encode() + b"\r\n" + b"x" * number)
    assert client.sort("SUBJECT") == [2, 1, 3]
    assert client.sort(["REVERSE SIZE"], "UNDELETED") == [1, 3, 2]
    assert client.thread("REFERENCES") == ((2,), (3, 1))
    client.close_folder()
    client.delete_folder("Sorted")


def test_imapclient_appends_many_at_once_and_reads_what_names_them(client: IMAPClient) -> None:
    done = client.multiappend("INBOX", [TEXT, TEXT.replace(b"Hallo", b"Adieu"), TEXT])
    assert "APPENDUID" in str(done)
    client.select_folder("INBOX")
    uids = client.search()
    rows = client.fetch(uids, ["EMAILID", "THREADID", "SAVEDATE", "PREVIEW", "BODY.PEEK[TEXT]"])
    assert [rows[uid][b"BODY[TEXT]"] for uid in uids] == [b"Hallo Welt\r\n", b"Adieu Welt\r\n", b"Hallo Welt\r\n"]
    assert [rows[uid][b"PREVIEW"] for uid in uids] == [b"Hallo Welt", b"Adieu Welt", b"Hallo Welt"]
    assert len({rows[uid][b"EMAILID"] for uid in uids}) == 3
    client.copy(uids[:1], "Archive")
    client.select_folder("Archive", readonly=True)
    [copied] = client.fetch(client.search(), ["EMAILID"]).values()
    assert copied[b"EMAILID"] == rows[uids[0]][b"EMAILID"]


def test_idle_hears_of_a_delivery_within_a_moment(demo: Demo, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    client.idle()
    with smtplib.SMTP("127.0.0.1", demo.port("smtp")) as sender:
        sender.sendmail("zoe@peer.test", [demo.users[0].email], TEXT)
    answered = time.monotonic()
    heard = client.idle_check(timeout=5)
    assert (1, b"EXISTS") in heard
    assert time.monotonic() - answered < 1.0
    client.idle_done()


def test_imaplib_over_starttls(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    login = demo.users[0]
    imap = imaplib.IMAP4("127.0.0.1", demo.port("imap"))
    assert "LOGINDISABLED" in imap.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        imap.login(login.email, login.password)
    imap.starttls(trust)
    assert "LOGINDISABLED" not in imap.capabilities
    imap.authenticate("PLAIN", lambda _: f"\0{login.email}\0{login.password}".encode())
    assert imap.append("INBOX", "(\\Seen)", imaplib.Time2Internaldate(1_700_000_000), TEXT)[0] == "OK"
    assert imap.select("INBOX")[1] == [b"1"]
    assert imap.search(None, "SEEN")[1] == [b"1"]
    assert imap.fetch("1", "(BODY[TEXT])")[1][0][1] == b"Hallo Welt\r\n"  # type: ignore[index]
    assert imap.store("1", "+FLAGS", "\\Deleted")[0] == "OK"
    assert imap.expunge()[1] == [b"1"]
    assert imap.status("INBOX", "(MESSAGES UIDNEXT)")[0] == "OK"
    for name in ("noop", "check", "namespace", "unselect"):
        assert getattr(imap, name)()[0] == "OK"
    imap.logout()


def test_a_wrong_password_is_refused_in_words(demo: Demo, trust: ssl.SSLContext) -> None:
    stranger = IMAPClient("127.0.0.1", demo.port("imaps"), ssl=True, ssl_context=trust)
    with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
        stranger.login(demo.users[1].email, "wrong")
    stranger.shutdown()


def test_curl_reads_and_sends(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    login = demo.users[0]
    letter = tmp_path / "letter"
    letter.write_bytes(TEXT.replace(b"zoe@peer.test", login.email.encode()))
    tls = [
        "--cacert",
        demo.facts["ca"],
        "--user",
        f"{login.email}:{login.password}",
        "--silent",
        "--show-error",
        "--fail",
    ]
    send = ["--mail-from", login.email, "--mail-rcpt", login.email, "--upload-file", str(letter)]
    subprocess.run(["curl", f"smtps://localhost:{demo.port('submissions')}", *tls, *send], check=True, timeout=20)
    address = f"imaps://localhost:{demo.port('imaps')}/INBOX;MAILINDEX=1"
    got = subprocess.run(["curl", address, *tls], check=True, capture_output=True, timeout=20).stdout
    assert got.endswith(b"Hallo Welt\r\n")
    assert b"Message-ID:" in got, "submission adds what is missing"


def test_submission_with_smtplib_delivers_to_the_other_account(
    demo: Demo, client: IMAPClient, trust: ssl.SSLContext
) -> None:
    ann, ben = demo.users
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"], message["Subject"] = (
        ben.email,
        ann.email,
        "secret@peer.test",
        "Über",
    )
    message.set_content("hello\n.\n..dots\n")
    with smtplib.SMTP("127.0.0.1", demo.port("submission")) as sender:
        sender.starttls(context=trust)
        sender.login(ben.email, ben.password)
        with pytest.raises(smtplib.SMTPSenderRefused, match="553"):
            sender.send_message(message, from_addr=ann.email, to_addrs=[ann.email])
        sender.rset()
        sender.send_message(message, to_addrs=[ann.email])
    client.select_folder("INBOX")
    [uid] = client.search(["SUBJECT", "Über"], charset="UTF-8")
    text = client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
    assert b"secret@peer.test" not in text
    assert b"\r\n.\r\n..dots\r\n" in text


def test_mutt_and_the_standard_library_read_the_folder_on_disk(demo: Demo, client: IMAPClient) -> None:
    client.append("INBOX", TEXT, flags=[b"\\Flagged"])
    client.append("Archive", TEXT)
    user_part, domain = demo.users[0].email.split("@")
    folder = demo.folder / "mail" / domain / user_part
    mutt = f"mutt -n -F /dev/null -R -e 'set folder={folder} quit=yes' -f {folder} -e 'push q'"
    environment = {"TERM": "xterm", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(demo.folder)}
    script = ["script", "--quiet", "--return", "--command", mutt, "/dev/null"]
    shown = subprocess.run(
        script, capture_output=True, timeout=20, check=False, env=environment, stdin=subprocess.DEVNULL
    )
    assert b"Msgs:1" in shown.stdout, shown.stdout[-500:]
    ours = mailbox.Maildir(folder, factory=None)
    assert len(ours) == 1
    assert len(ours.get_folder("Archive")) == 1
    ours.close()


def test_a_file_that_another_program_delivers_is_seen(demo: Demo, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    user_part, domain = demo.users[0].email.split("@")
    foreign = mailbox.Maildir(demo.folder / "mail" / domain / user_part, factory=None)
    foreign.add(TEXT.replace(b"\r\n", b"\n"))
    foreign.close()
    client.unselect_folder()
    client.select_folder("INBOX")
    wait_until(lambda: client.noop() and client.search() != [], 30.0)
    [uid] = client.search()
    assert client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"] == TEXT


def test_two_sessions_agree(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    for _ in range(5):
        client.append("INBOX", TEXT)
    client.select_folder("INBOX")
    uids = client.search()
    other = logged_in(demo, trust)
    other.select_folder("INBOX")
    client.delete_messages([uids[0], uids[2]])
    client.expunge()
    assert other.noop()[1] == [(1, b"EXPUNGE"), (2, b"EXPUNGE")]
    assert other.search() == client.search() == [uids[1], uids[3], uids[4]]
    other.logout()
