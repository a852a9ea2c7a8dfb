"""Dovecot with its usual settings on the same messages: the peer that IMAP is measured beside, in the same run.

What is compared is not the same promise: Dovecot answers STORE and COPY before its index is on disk; we never do.
Needs the Debian package dovecot-imapd; without it the comparison says so and is left out.
"""

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.corpus import messages as corpus
from tests.bench.imap import MAILBOX
from tests.bench.imap_client import Wire
from tests.daemon import Login, free_port_base

ADDRESS, PASSWORD = "ann", "secret"
START_SECONDS = 20.0
PORT_OFFSET = 43  # of the ports that free_port_base looked at
LETTERS = ("", "S", "FS", "S")  # as tests.bench.imap flags them; its keyword is left out


@dataclass(frozen=True, slots=True)
class Dovecot:
    """What the measuring functions need of a server; see tests.daemon.Demo."""

    imap_port: int

    @property
    def users(self) -> list[Login]:
        return [Login(ADDRESS, PASSWORD)]

    def port(self, face: str) -> int:
        assert face == "imap"
        return self.imap_port


def installed() -> bool:
    return shutil.which("dovecot") is not None


@contextlib.contextmanager
def running_dovecot(folder: Path, count: int) -> Iterator[Dovecot]:
    """With `count` messages of the corpus in MAILBOX."""
    folder = folder.resolve()
    folder.mkdir()
    port = free_port_base() + PORT_OFFSET
    _fill(folder / "mail" / f".{MAILBOX}", count)
    for name in ("Drafts", "Junk", "Trash"):
        _maildir(folder / "mail" / f".{name}")
    owner = _owner()
    if os.geteuid() == 0:
        folder.chmod(0o755)
        subprocess.run(["chown", "-R", owner, folder / "mail"], check=True)
    config = folder / "dovecot.conf"
    config.write_text(_config(folder, port, owner))
    process = subprocess.Popen(["dovecot", "-F", "-c", config], stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Dovecot(port)
    finally:
        process.terminate()
        process.wait()


def _owner() -> str:
    return "mail" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _fill(maildir: Path, count: int) -> None:
    _maildir(maildir)
    for number, text in enumerate(corpus(count)):
        path = maildir / "cur" / f"{1_763_000_000 + number * 60}.M{number}.bench,S={len(text)}:2,{LETTERS[number % 4]}"
        path.write_bytes(text)


def _maildir(maildir: Path) -> None:
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)


def _config(folder: Path, port: int, owner: str) -> str:
    account = pwd.getpwnam(owner)
    login = "nobody" if os.geteuid() == 0 else owner
    return f"""
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {owner}
default_login_user = {login}
default_internal_group = {grp.getgrgid(account.pw_gid).gr_name}
first_valid_uid = 1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail
mail_max_userip_connections = 200
namespace inbox {{
  inbox = yes
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={account.pw_uid} gid={account.pw_gid} home={folder}
}}
"""


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            Wire.login(port, ADDRESS, PASSWORD).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
