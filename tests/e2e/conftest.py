"""One running demo for the tests of a module, with empty mailboxes for each test."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import Demo, running_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo") / "var", "--relaxed") as demo:
        yield demo


@pytest.fixture
def trust(demo: Demo) -> ssl.SSLContext:
    """What a client that was given the demo's CA file believes."""
    return ssl.create_default_context(cafile=demo.facts["ca"])


def logged_in(demo: Demo, trust: ssl.SSLContext, user: int = 0) -> IMAPClient:
    client = IMAPClient("127.0.0.1", demo.port("imaps"), ssl=True, ssl_context=trust, timeout=20)
    client.login(demo.users[user].email, demo.users[user].password)
    return client


@pytest.fixture
def client(demo: Demo, trust: ssl.SSLContext) -> Iterator[IMAPClient]:
    """Ann, with nothing in her mailboxes and no mailbox but the default ones."""
    client = logged_in(demo, trust)
    empty(client)
    yield client
    client.logout()


def empty(client: IMAPClient) -> None:
    for name in sorted((name for _, _, name in client.list_folders()), reverse=True):  # children first
        if name not in {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}:
            client.delete_folder(name)
            continue
        client.select_folder(name)
        everything = client.search()
        if everything:
            client.delete_messages(everything)
            client.expunge()
        client.unselect_folder()


def write_mbsyncrc(path: Path, demo: Demo, local: Path, user: int = 0, extra: str = "") -> Path:
    login = demo.users[user]
    path.write_text(
        f"""IMAPAccount demo
Host localhost
Port {demo.port("imaps")}
User {login.email}
Pass {login.password}
SSLType IMAPS
CertificateFile {demo.facts["ca"]}

IMAPStore far
Account demo

MaildirStore near
Path {local}/
Inbox {local}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
{extra}
"""
    )
    local.mkdir(exist_ok=True)
    return path
