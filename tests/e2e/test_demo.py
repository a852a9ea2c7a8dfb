"""`mailserver demo` as other programs rely on it: one line of JSON, fixed ports, kept data, one line when it fails."""

import imaplib
import json
import signal
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Demo, free_port_base, running_demo, start_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo") / "var") as demo:
        yield demo


def login(demo: Demo, number: int) -> imaplib.IMAP4_SSL:
    """With the CA file the demo names, and by the address it names."""
    user = demo.users[number]
    context = ssl.create_default_context(cafile=demo.facts["ca"])
    client = imaplib.IMAP4_SSL(demo.facts["host"], demo.port("imaps"), ssl_context=context)
    client.login(user.email, user.password)
    return client


def subjects(demo: Demo, number: int) -> list[bytes]:
    client = login(demo, number)
    try:
        client.select("INBOX", readonly=True)
        _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1] for part in parts if isinstance(part, tuple)]
    finally:
        client.logout()


def test_the_json_is_the_interface(demo: Demo) -> None:
    base = demo.port("smtp") - 25
    faces = {"smtp": 25, "submission": 87, "submissions": 65, "imap": 43, "imaps": 93, "pop3": 10, "pop3s": 95}
    faces |= {"http": 80, "https": 44}
    facts = demo.facts
    assert list(facts) == [
        "host", "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve", "http", "https",
        "dav", "ca", "users",
    ]  # fmt: skip
    assert {face: facts[face] for face in faces} == {face: base + offset for face, offset in faces.items()}
    assert facts["sieve"] is None
    assert facts["dav"] == f"https://localhost:{base + 44}/dav/"
    assert facts["host"] == "127.0.0.1"
    assert Path(facts["ca"]).is_absolute()
    assert [user["email"] for user in facts["users"]] == ["ann@example.test", "ben@example.test"]


def test_the_accounts_have_mail(demo: Demo) -> None:
    found = subjects(demo, 0)
    assert len(found) == 5
    assert any(b"=?utf-8?" in subject for subject in found)
    assert len(subjects(demo, 1)) == 2


def test_the_command_line_works_beside_it(demo: Demo) -> None:
    command = [sys.executable, "-m", "mailserver", "--data", str(demo.folder), "alias", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [alias] = json.loads(done.stdout)
    assert alias["address"] == "info@example.test"
    assert alias["destinations"] == ["ann@example.test", "ben@example.test"]


def test_no_login_without_tls(demo: Demo) -> None:
    client = imaplib.IMAP4("127.0.0.1", demo.port("imap"))
    with pytest.raises(imaplib.IMAP4.error):
        client.login(demo.users[0].email, demo.users[0].password)
    client.shutdown()


def failing(*arguments: str) -> tuple[int, str, list[str]]:
    command = [sys.executable, "-m", "mailserver", "demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_what_goes_wrong_is_one_line(demo: Demo, tmp_path: Path) -> None:
    base = str(demo.port("smtp") - 25)
    code, out, [line] = failing("--dir", str(tmp_path / "var"), "--port-base", base)
    assert (code, out) == (71, "")
    assert line == (
        f"mailserver: Port {demo.port('http')} (http): address already in use; "
        "stop the other program or choose another --port-base"
    )
    code, out, [line] = failing("--dir", str(demo.folder), "--port-base", str(free_port_base()))
    assert (code, out) == (75, "")
    assert f"is served by process {demo.process.pid}" in line
    code, out, [line] = failing("--port-base", "70000")
    assert code == 64
    assert "not in the range" in line


def test_a_second_start_keeps_logins_and_mail(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "var", "--plain-auth", "--relaxed")
    first = demo.facts["users"]
    with smtplib.SMTP("127.0.0.1", demo.port("smtp")) as smtp:
        smtp.ehlo()
        assert int(smtp.esmtp_features["size"]) >= 50_000_000, "load tests send large messages"
    client = imaplib.IMAP4("127.0.0.1", demo.port("imap"))
    client.login(demo.users[0].email, demo.users[0].password)
    client.append("INBOX", "", None, b"Subject: kept\r\n\r\nx\r\n")
    client.logout()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    assert demo.process.stdout is not None
    assert demo.process.stdout.read() == "", "only one line on standard output"
    demo.process.stdout.close()
    with running_demo(tmp_path / "var") as again:
        assert again.facts["users"] == first
        found = subjects(again, 0)
        assert len(found) == 6
        assert found[-1].strip() == b"Subject: kept"
