"""The demo's own words: its messages are valid, its passwords random and kept."""

import email
import email.policy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from mailserver.demo import logins
from mailserver.demo.content import PLACEMENTS, letters
from mailserver.demo.settings import LAST_BASE, OFFSETS, settings
from mailserver.tls.self_signed import SelfSigned

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_message_is_valid_and_in_the_past() -> None:
    made = letters(NOW)
    assert len(made) == len(PLACEMENTS)
    for letter in made:
        assert letter.octets.replace(b"\r\n", b"").count(b"\n") == 0
        message = email.message_from_bytes(letter.octets, policy=email.policy.default)
        assert [part.defects for part in message.walk()] == [[] for _ in message.walk()]
        assert parsedate_to_datetime(str(message["Date"])).timestamp() == letter.received < NOW.timestamp()
        for part in message.walk():
            if not part.is_multipart():
                part.get_content()


def test_the_messages_show_what_mail_can_be() -> None:
    types = {
        part.get_content_type()
        for letter in letters(NOW)
        for part in email.message_from_bytes(letter.octets, policy=email.policy.default).walk()
    }
    assert {
        "multipart/mixed",
        "multipart/alternative",
        "multipart/related",
        "text/html",
        "image/png",
        "text/csv",
    } <= types


def test_logins_are_made_once(tmp_path: Path) -> None:
    first, new = logins.ensure(tmp_path, lambda count: bytes(range(count)))
    again, still_new = logins.ensure(tmp_path, lambda count: b"x" * count)
    assert (new, still_new) == (True, False)
    assert again == first
    assert (tmp_path / logins.FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / logins.FILE).write_text("[]")
    other, new = logins.ensure(tmp_path, lambda count: b"y" * count)
    assert new
    assert other != first
    assert all(len(login.password) == 14 for login in other)


def test_ports_follow_from_the_base_and_stay_on_loopback() -> None:
    files = SelfSigned(Path("ca"), Path("c"), Path("k"))
    config = settings(Path("var"), LAST_BASE, files, relaxed=False, plain_auth=False)
    for name in ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"):
        listener = getattr(config.listeners, name)
        assert listener.port == LAST_BASE + OFFSETS[name] <= 65_535
        assert listener.addresses == ("127.0.0.1",)
    assert not config.smtp.allow_plain_auth
