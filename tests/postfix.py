"""Postfix from Debian as a peer: an instance of its own on a loopback port, with its own queue, log and mailboxes.

Its master runs as root only, its daemons as the user postfix, and recipients' mailboxes belong to nobody: all of it
lives in a folder that those can enter, which pytest's own can not be.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailserver.tls.self_signed import SelfSigned

HOST, DOMAIN = "mx.peer.test", "peer.test"
NOBODY = 65_534
STOP_SECONDS = 30

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp -v
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    folder: Path
    port: int

    @property
    def config(self) -> Path:
        return self.folder / "etc"

    def log(self) -> str:
        file = self.folder / "maillog"
        return file.read_text(errors="replace") if file.exists() else ""

    def mailbox(self, user: str) -> list[bytes]:
        """The messages delivered to a user of DOMAIN."""
        return [file.read_bytes() for file in sorted((self.folder / "mail" / user / "new").glob("*"))]

    def waiting(self) -> str:
        """What postqueue prints of the queue, a line of JSON for each message; "" when it is empty."""
        return self._run("postqueue", "-c", str(self.config), "-j")

    def flush(self) -> None:
        self._run("postqueue", "-c", str(self.config), "-f")

    def start(self) -> None:
        self._run("postfix", "-c", str(self.config), "start")

    def stop(self) -> None:
        self._run("postfix", "-c", str(self.config), "stop")

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STOP_SECONDS, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()[-3000:]}"
        return done.stdout


@contextlib.contextmanager
def running(users: Mapping[str, str], routes: Mapping[str, int], files: SelfSigned, trusted: Path) -> Iterator[Postfix]:
    """`users`: address → folder of its mailbox; `routes`: domain → port on loopback, only with a certificate of
    `trusted` for mail.<domain>; `files`: its own certificate. Everything else is refused or bounces."""
    assert os.geteuid() == 0, "Postfix's master runs only as root: run the tests as root, or in a container"
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    postfix = Postfix(folder, free_port())
    try:
        _furnish(postfix, users, routes, files, trusted)
        postfix.start()
        try:
            yield postfix
        finally:
            postfix.stop()
    finally:
        shutil.rmtree(folder)


def _furnish(
    postfix: Postfix, users: Mapping[str, str], routes: Mapping[str, int], files: SelfSigned, trusted: Path
) -> None:
    folder = postfix.folder
    folder.chmod(0o755)
    for name in ("etc", "queue", "mail", "data", "tls"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix", "postfix")
    os.chown(folder / "mail", NOBODY, NOBODY)
    for name, source in (("own.pem", files.certificate), ("own.key", files.key), ("trusted.pem", trusted)):
        shutil.copy(source, folder / "tls" / name)
    (folder / "etc" / "main.cf").write_text(_main(folder, users, routes))
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=postfix.port))


def _main(folder: Path, users: Mapping[str, str], routes: Mapping[str, int]) -> str:
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "queue",
        "data_directory": folder / "data",
        "maillog_file": folder / "maillog",
        "maillog_file_prefixes": folder,
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "myhostname": HOST,
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "alias_maps": "",
        "local_recipient_maps": "",
        "relay_domains": " ".join(routes),
        "transport_maps": _table({domain: f"smtp:[127.0.0.1]:{port}" for domain, port in routes.items()}),
        "default_transport": "error:this Postfix delivers nowhere else",
        "virtual_mailbox_domains": DOMAIN,
        "virtual_mailbox_maps": _table(users),
        "virtual_mailbox_base": folder / "mail",
        "virtual_uid_maps": f"static:{NOBODY}",
        "virtual_gid_maps": f"static:{NOBODY}",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": folder / "tls/own.pem",
        "smtpd_tls_key_file": folder / "tls/own.key",
        "smtpd_tls_loglevel": 1,
        "smtpd_tls_received_header": "yes",
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": " ".join(f"mail.{domain}" for domain in routes),
        "smtp_tls_CAfile": folder / "tls/trusted.pem",
        "smtp_tls_loglevel": 1,
        "smtp_dns_support_level": "disabled",
        "smtputf8_enable": "yes",
        "notify_classes": "",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _table(rows: Mapping[str, object]) -> str:
    if not rows:
        return ""
    return "inline:{" + ", ".join(f"{{ {key} = {value} }}" for key, value in rows.items()) + "}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
