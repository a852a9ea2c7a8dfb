"""Two users of a running server with one mailbox, under clients we did not write; shared by IMAP and by command."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from tests.daemon import wait_until
from tests.e2e.served import ANN, BEN, PASSWORD, Served, furnish, served

SHARED = f"Other Users/{ANN}/Team"
MESSAGE = b"Subject: for all\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sharing")
    furnish(folder)
    with served(folder) as server:
        yield server


def logged_in(server: Served, address: str) -> IMAPClient:
    trust = ssl.create_default_context(cafile=str(server.certificate))
    trust.check_hostname = False
    client = IMAPClient("127.0.0.1", server.ports["imaps"], ssl=True, ssl_context=trust, timeout=20)
    client.login(address, PASSWORD)
    return client


@pytest.fixture
def ann(server: Served) -> Iterator[IMAPClient]:
    client = logged_in(server, ANN)
    client.create_folder("Team")
    yield client
    client.delete_folder("Team")
    client.logout()


@pytest.fixture
def ben(server: Served) -> Iterator[IMAPClient]:
    client = logged_in(server, BEN)
    yield client
    client.logout()


def names(client: IMAPClient) -> set[str]:
    return {name for _, _, name in client.list_folders()}


def run(server: Served, *words: str) -> None:
    command = [sys.executable, "-m", "mailserver", "--config", str(Path(server.folder) / "mailserver.toml"), *words]
    subprocess.run(command, check=True, capture_output=True)


def test_a_mailbox_is_shared_worked_on_by_both_and_taken_back(ann: IMAPClient, ben: IMAPClient) -> None:
    assert ben.namespace().other == (("Other Users/", "/"),)
    assert SHARED not in names(ben)
    ann.setacl("Team", BEN, "lrswite")
    assert dict(ann.getacl("Team")) == {ANN.encode(): b"lrswipkxteacd", BEN.encode(): b"lrswited"}
    assert SHARED in names(ben)
    ben.append(SHARED, MESSAGE, flags=[b"\\Flagged"])
    ann.select_folder("Team")
    assert ann.fetch([1], ["BODY.PEEK[]", "FLAGS"])[1][b"BODY[]"] == MESSAGE
    ann.idle()
    ben.select_folder(SHARED)
    ben.add_flags([1], [b"\\Seen"])
    wait_until(lambda: any(b"FETCH" in line for line in ann.idle_check(timeout=1)), 10)
    ann.idle_done()
    ben.move([1], "Archive")
    assert ben.folder_status("Archive")[b"MESSAGES"] == 1
    assert ann.folder_status("Team")[b"MESSAGES"] == 0
    ann.unselect_folder()
    ann._imap.deleteacl("Team", BEN)
    with pytest.raises(IMAPClientError, match="NONEXISTENT"):
        ben.fetch("1:*", ["FLAGS"])
    assert SHARED not in names(ben)


def test_what_the_command_line_shares_is_seen_at_once(server: Served, ann: IMAPClient, ben: IMAPClient) -> None:
    ann.append("Team", MESSAGE)
    run(server, "share", "set", ANN, "Team", "anyone", "lr")
    assert SHARED in names(ben)
    ben.select_folder(SHARED, readonly=True)
    with pytest.raises(IMAPClientError, match="NOPERM"):
        ben.append(SHARED, MESSAGE)
    run(server, "share", "remove", ANN, "Team", "anyone")
    with pytest.raises(IMAPClientError, match="NONEXISTENT"):
        wait_until(lambda: ben.fetch([1], ["FLAGS"]) is None, 10)


def test_an_administrator_sets_the_quota_of_another(server: Served, ben: IMAPClient) -> None:
    run(server, "user", "admin", ANN)
    admin = logged_in(server, ANN)
    admin._imap.setquota(BEN, "(STORAGE 1 MESSAGE 3)")
    assert {(q.resource, q.limit) for q in ben.get_quota()} == {("STORAGE", 1), ("MESSAGE", 3)}
    with pytest.raises(IMAPClientError, match="OVERQUOTA"):
        ben.append("INBOX", MESSAGE + b"x" * 2000)
    admin._imap.setquota(BEN, "()")
    ben.append("INBOX", MESSAGE + b"x" * 2000)
    admin.logout()
