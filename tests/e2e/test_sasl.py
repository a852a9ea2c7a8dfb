"""Logins by SCRAM and by access token, and a deflated session, with clients we did not write where there are any."""

import base64
import hashlib
import hmac
import imaplib
import json
import poplib
import smtplib
import ssl
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import Demo, wait_until
from tests.e2e.conftest import write_mbsyncrc

TEXT = b"From: zoe@peer.test\r\nSubject: hello\r\n\r\nHallo Welt\r\n"


def mailserver(demo: Demo, *arguments: str) -> str:
    command = [sys.executable, "-m", "mailserver", "--data", str(demo.folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.fixture(scope="module")
def token(demo: Demo) -> str:
    return mailserver(demo, "token", "add", demo.users[0].email, "--name", "Phone").strip()


# ---- SCRAM ----


@pytest.mark.parametrize("credential", ["password", "token"])
def test_mbsync_chooses_scram_by_itself(
    demo: Demo, client: IMAPClient, token: str, tmp_path: Path, credential: str
) -> None:
    client.append("INBOX", TEXT)
    rc = write_mbsyncrc(tmp_path / "rc", demo, tmp_path / "local")
    if credential == "token":
        rc.write_text(rc.read_text().replace(demo.users[0].password, token))
    done = subprocess.run(["mbsync", "-c", rc, "-Dn", "-a"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SASL mechanism SCRAM-SHA-256" in done.stdout + done.stderr
    assert len([file for file in (tmp_path / "local" / "INBOX").rglob("*,U=*") if file.is_file()]) == 1


def test_mutt_submits_by_scram(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    """mutt's SASL is GNU SASL, mbsync's is Cyrus SASL: the two there are."""
    login, rc = demo.users[0], tmp_path / "muttrc"
    rc.write_text(
        f"""set smtp_url = "smtps://{login.email}@localhost:{demo.port("submissions")}"
set smtp_pass = "{login.password}"
set smtp_authenticators = "scram-sha-256"
set from = "{login.email}"
set ssl_ca_certificates_file = "{demo.facts["ca"]}"
set copy = no
"""
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}
    command = ["mutt", "-n", "-F", str(rc), "-d", "3", "-s", "by mutt", "--", login.email]
    done = subprocess.run(
        command, input="body\n", capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AUTH SCRAM-SHA-256" in (tmp_path / ".muttdebug0").read_text("utf-8", "replace")
    client.select_folder("INBOX")
    wait_until(lambda: client.noop() and client.search(["SUBJECT", "by mutt"]) != [])


class Scram:
    """A client's side with channel binding, which no client we can install offers for IMAP."""

    def __init__(self, username: str, password: str, binding: str, data: bytes) -> None:
        self._header = f"p={binding},,".encode()
        self._bare = f"n={username},r=fyko+d2lbbFgONRv9qkxdawL".encode()
        self._password, self._data = password, data
        self._signature = b""

    def __call__(self, challenge: bytes) -> bytes:
        if not challenge:
            return self._header + self._bare
        if challenge.startswith(b"v="):
            assert base64.b64decode(challenge[2:]) == self._signature, "the server does not know the password"
            return b""
        nonce, salt, iterations = (part[2:] for part in challenge.split(b","))
        without_proof = b"c=" + base64.b64encode(self._header + self._data) + b",r=" + nonce
        message = b",".join((self._bare, challenge, without_proof))
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), base64.b64decode(salt), int(iterations))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)


@pytest.mark.parametrize(("version", "told"), [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False)])
def test_scram_is_bound_to_the_tls_connection(
    demo: Demo, trust: ssl.SSLContext, version: ssl.TLSVersion, told: bool
) -> None:
    trust.maximum_version = version
    login = demo.users[0]

    def connect() -> imaplib.IMAP4_SSL:
        return imaplib.IMAP4_SSL("localhost", demo.port("imaps"), ssl_context=trust)

    imap = connect()
    assert ("AUTH=SCRAM-SHA-256-PLUS" in imap.capabilities) is told
    certificate = imap.sock.getpeercert(binary_form=True)
    assert certificate is not None
    end_point = hashlib.sha256(certificate).digest()
    imap.authenticate("SCRAM-SHA-256-PLUS", Scram(login.email, login.password, "tls-server-end-point", end_point))
    assert imap.select("INBOX")[0] == "OK"
    imap.logout()

    imap = connect()
    with pytest.raises(imaplib.IMAP4.error, match="not of this TLS connection"):
        imap.authenticate("SCRAM-SHA-256-PLUS", Scram(login.email, login.password, "tls-server-end-point", b"other"))
    unique = imap.sock.get_channel_binding("tls-unique") if told else b"whatever"
    bound = Scram(login.email, login.password, "tls-unique", unique or b"")
    if told:
        imap.authenticate("SCRAM-SHA-256-PLUS", bound)
    else:
        with pytest.raises(imaplib.IMAP4.error, match="not supported here"):
            imap.authenticate("SCRAM-SHA-256-PLUS", bound)
    imap.logout()

    with smtplib.SMTP_SSL("localhost", demo.port("submissions"), context=trust) as sender:
        sender.ehlo()
        assert ("SCRAM-SHA-256-PLUS" in sender.esmtp_features["auth"]) is told
        scram = Scram(login.email, login.password, "tls-server-end-point", end_point)
        reply = sender.docmd("AUTH", "SCRAM-SHA-256-PLUS")
        while reply[0] == 334:
            reply = sender.docmd(base64.b64encode(scram(base64.b64decode(reply[1]))).decode())
        assert reply[0] == 235


def test_scram_over_pop3(demo: Demo, trust: ssl.SSLContext) -> None:
    login = demo.users[0]
    pop = poplib.POP3_SSL("localhost", demo.port("pop3s"), context=trust, timeout=20)
    assert "SCRAM-SHA-256" in pop.capa()["SASL"]
    certificate = pop.sock.getpeercert(binary_form=True)
    assert certificate is not None
    scram = Scram(login.email, login.password, "tls-server-end-point", hashlib.sha256(certificate).digest())
    reply = pop._shortcmd("AUTH SCRAM-SHA-256-PLUS")
    while reply.startswith(b"+ "):
        reply = pop._shortcmd(base64.b64encode(scram(base64.b64decode(reply[2:]))).decode())
    assert reply.startswith(b"+OK")
    pop.noop()
    pop.quit()


def test_a_token_is_a_pop3_password_until_it_is_taken_back(demo: Demo, trust: ssl.SSLContext) -> None:
    login = demo.users[0]
    tokens = {
        scope: mailserver(demo, "token", "add", login.email, "--name", f"For {scope}", "--scope", scope).strip()
        for scope in ("imap", "pop3")
    }
    pop = poplib.POP3_SSL("localhost", demo.port("pop3s"), context=trust, timeout=20)
    pop.user(login.email)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        pop.pass_(tokens["imap"])
    pop.user(login.email)
    pop.pass_(tokens["pop3"])
    pop.noop()
    mailserver(demo, "token", "remove", login.email, "For pop3")
    with pytest.raises(poplib.error_proto, match="may not be used"):
        pop._getresp()
    pop.close()


# ---- tokens ----


@pytest.mark.parametrize("face", ["imaps", "submissions", "pop3s"])
def test_curl_logs_in_with_a_bearer_token(
    demo: Demo, client: IMAPClient, token: str, tmp_path: Path, face: str
) -> None:
    login = demo.users[0]
    (tmp_path / "letter").write_bytes(TEXT.replace(b"zoe@peer.test", login.email.encode()))
    what = {
        "imaps": [f"imaps://localhost:{demo.port('imaps')}/INBOX"],
        "pop3s": [f"pop3s://localhost:{demo.port('pop3s')}/"],
        "submissions": [
            f"smtps://localhost:{demo.port('submissions')}", "--mail-from", login.email, "--mail-rcpt", login.email,
            "--upload-file", str(tmp_path / "letter"),
        ],
    }  # fmt: skip
    options = ["--silent", "--show-error", "--verbose", "--cacert", demo.facts["ca"], "--user", login.email]
    done = subprocess.run(
        ["curl", *options, "--oauth2-bearer", token, *what[face]],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "OAUTHBEARER" in done.stderr
    wrong = ["curl", *options, "--oauth2-bearer", "mst_" + "x" * 43, *what[face]]
    assert subprocess.run(wrong, capture_output=True, timeout=30, check=False).returncode == 67  # login denied


def test_a_token_from_the_first_to_the_last_use(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    login = demo.users[0]
    made = mailserver(
        demo, "token", "add", login.email, "--name", "Tablet", "--scope", "imap", "--expires", "90d", "--json"
    )
    secret = json.loads(made)["token"]
    imap = IMAPClient("localhost", demo.port("imaps"), ssl=True, ssl_context=trust)
    imap.login(login.email, secret)
    sender = smtplib.SMTP_SSL("localhost", demo.port("submissions"), context=trust)
    with sender, pytest.raises(smtplib.SMTPAuthenticationError):
        sender.login(login.email, secret)

    def listed() -> dict[str, str]:
        rows = json.loads(mailserver(demo, "token", "list", login.email, "--json"))
        return next(row for row in rows if row["name"] == "Tablet")

    wait_until(lambda: listed()["last_used"] is not None)
    assert listed()["scope"] == ["imap"]
    assert secret not in json.dumps(listed())
    imap.select_folder("INBOX")
    imap.idle()
    mailserver(demo, "token", "remove", login.email, "Tablet")
    heard = imap.idle_check(timeout=10)
    assert heard[0][0] == b"BYE", heard
    imap.shutdown()
    again = IMAPClient("localhost", demo.port("imaps"), ssl=True, ssl_context=trust)
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
        again.login(login.email, secret)
    again.shutdown()


# ---- deflate ----


class Deflated:
    """imaplib's file and socket, through zlib: the client of the standard library does not know COMPRESS."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._in, self._out = zlib.decompressobj(-15), zlib.compressobj(wbits=-15)
        self._read = b""
        self.received = 0  # octets on the wire

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH))

    def _more(self) -> None:
        data = self._sock.recv(65_536)
        assert data, "closed"
        self.received += len(data)
        self._read += self._in.decompress(data)

    def readline(self, _limit: int = -1) -> bytes:
        while b"\n" not in self._read:
            self._more()
        line, _, self._read = self._read.partition(b"\n")
        return line + b"\n"

    def read(self, octets: int) -> bytes:
        while len(self._read) < octets:
            self._more()
        data, self._read = self._read[:octets], self._read[octets:]
        return data

    def close(self) -> None:
        self._sock.close()

    def shutdown(self, _how: int) -> None:
        self._sock.close()


def test_a_session_inside_tls_and_deflate(demo: Demo, client: IMAPClient, trust: ssl.SSLContext) -> None:
    login = demo.users[0]
    imaplib.Commands.setdefault("COMPRESS", ("AUTH", "SELECTED"))
    large = TEXT + b"".join(b"line %d of ten megabytes\r\n" % number for number in range(350_000))
    assert len(large) > 10_000_000
    imap = imaplib.IMAP4_SSL("localhost", demo.port("imaps"), ssl_context=trust)
    imap.login(login.email, login.password)
    assert imap._simple_command("COMPRESS", "DEFLATE")[0] == "OK"  # type: ignore[attr-defined]
    wire = Deflated(imap.sock)
    imap.sock = imap._file = imap.file = wire  # type: ignore[assignment, attr-defined]
    assert imap.append("INBOX", None, imaplib.Time2Internaldate(1_700_000_000), large)[0] == "OK"  # type: ignore[arg-type]
    assert imap.select("INBOX")[1] == [b"1"]
    assert imap.fetch("1", "(BODY.PEEK[])")[1][0][1] == large  # type: ignore[index]
    assert wire.received < len(large) / 3
    assert imap._simple_command("COMPRESS", "DEFLATE")[0] == "NO"  # type: ignore[attr-defined]
    imap.send(b"idle IDLE\r\n")
    assert imap.readline().startswith(b"+ ")
    with smtplib.SMTP("127.0.0.1", demo.port("smtp")) as sender:
        sender.sendmail("zoe@peer.test", [login.email], TEXT)
    assert imap.readline() == b"* 2 EXISTS\r\n"
    imap.sock.close()  # in the middle of IDLE
    assert client.folder_status("INBOX")[b"MESSAGES"] == 2
