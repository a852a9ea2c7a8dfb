"""The world around the server fails: disk full, disk broken, no descriptors left, files gone, told to stop at its
busiest. Nothing acknowledged is lost, what still can be done is done, and afterwards it works as before."""

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailserver.tls import self_signed
from tests.clients import ImapClient, Refused, SmtpClient
from tests.daemon import wait_until
from tests.e2e.served import ANN, BEN, PASSWORD, Served, copied, furnish, served
from tests.e2e.test_dav import CALENDAR, Curl, event
from tests.e2e.wire import Wire

MIB = 1 << 20
MARGIN = 64 * MIB  # what others on the machine may write or free while a test looks at its disk
LOOK_SECONDS = 0.6  # until the server has looked at its disk again
MESSAGE = b"Subject: %b\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("household")
    furnish(folder)
    return folder


@pytest.fixture
def folder(household: Path, tmp_path: Path) -> Path:
    return copied(household, tmp_path / "house")


async def mail(server: Served, subject: str, text: bytes = b"") -> bytes:
    async with await SmtpClient.connect(server.ports["smtp"]) as client:
        return await client.send("x@far.example", [ANN], MESSAGE % subject.encode() + text)


async def refusal(server: Served, subject: str) -> str:
    with pytest.raises(Refused) as refused:
        await mail(server, subject)
    return str(refused.value)


async def reader(server: Served, mailbox: str = "INBOX") -> ImapClient:
    client = await ImapClient.login(server.ports["imap"], ANN, f'"{PASSWORD}"')
    await client.command(f"SELECT {mailbox}")
    return client


async def subjects(client: ImapClient) -> list[str]:
    """Read from the files, not from what the database knows of them."""
    await client.command("NOOP")
    lines = await client.command("FETCH 1:* BODY.PEEK[]")
    return [found[1].decode() for line in lines if (found := re.search(rb"\r\nSubject: (\S+)\r\n", line))]


# ---- disk full ----


@contextlib.contextmanager
def ballast(folder: Path, octets: int) -> Iterator[None]:
    with (folder / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, octets)
    try:
        yield
    finally:
        (folder / "ballast").unlink()


@contextlib.contextmanager
def full_to_the_last_octet(folder: Path) -> Iterator[None]:
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        (folder / "ballast").unlink()


async def full_disk(server: Served, fill: "contextlib.AbstractContextManager[None]") -> None:
    """What works, what does not and in which words, and that room is all it needs to go on."""
    await mail(server, "first")
    async with await reader(server) as client:
        await client.command("APPEND INBOX", MESSAGE % b"second")
        with fill:
            await asyncio.sleep(LOOK_SECONDS)
            assert (await refusal(server, "refused")).startswith("452 4.3.1 ")
            with pytest.raises(Refused, match=r"NO \[OVERQUOTA\] The server's disk is full"):
                await client.command("APPEND INBOX", MESSAGE % b"refused")
            with pytest.raises(Refused, match=r"NO \[OVERQUOTA\]"):
                await client.command("REPLACE 1 INBOX", MESSAGE % b"refused")
            assert await subjects(client) == ["first", "second"]
            await client.command("STORE 1 +FLAGS (\\Deleted)")
            assert b"* 1 EXPUNGE\r\n" in await client.command("EXPUNGE")
        await asyncio.sleep(LOOK_SECONDS)
        await mail(server, "third")
        await client.command("APPEND INBOX", MESSAGE % b"fourth")
        assert await subjects(client) == ["second", "third", "fourth"]


async def test_mail_is_put_off_while_little_is_free(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    with served(folder, store__min_free_bytes=free - MARGIN) as server:
        await full_disk(server, ballast(folder, 2 * MARGIN))
        assert server.stop() == 0


def on_small_disk(folder: Path) -> list[str]:
    """A disk of its own for the data, which nobody else sees and which goes with the server."""
    data, own = folder / "data", ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    mount = f"mount -t tmpfs -o size=40m,mode=0700 data '{data}' && cp -a '{data}.full/.' '{data}' && exec \"$@\""
    data.rename(f"{data}.full")
    data.mkdir()
    return [*own, "sh", "-ec", mount, "sh"]


async def test_a_disk_that_is_full_to_the_last_octet(folder: Path) -> None:
    """SQLite can not even delete on it, but for the reserve."""
    with served(folder, on_small_disk, store__min_free_bytes=2 * MIB) as server:
        assert (server.data / "reserve").exists()
        await full_disk(server, full_to_the_last_octet(server.data))
        assert not (server.data / "reserve").exists()
        await until((server.data / "reserve").exists)
        assert server.stop() == 0


async def test_mail_that_fills_the_disk_leaves_nothing_behind(folder: Path) -> None:
    """The room ends in the middle of a message: nothing but that message is refused."""
    large = MESSAGE % b"large" + (b"x" * 78 + b"\r\n") * (5 * MIB // 80)
    with served(folder, on_small_disk, store__min_free_bytes=2 * MIB) as server:
        await mail(server, "small")
        free = shutil.disk_usage(server.data).free
        with ballast(server.data, free - 3 * MIB):
            async with await SmtpClient.connect(server.ports["smtp"]) as client:
                with pytest.raises(Refused, match=r"452 4\.3\.1 "):
                    await client.send("x@far.example", [ANN], large)
            async with await reader(server) as writer:
                with pytest.raises(Refused, match=r"NO \[OVERQUOTA\]"):
                    await writer.command("APPEND INBOX", large)
                with pytest.raises(Refused, match=r"NO \[OVERQUOTA\]"):  # the first is staged already
                    await writer.command(
                        f"APPEND INBOX {{12+}}\r\nSubject: s\r\n {{{len(large)}+}}\r\n{large.decode()}"
                    )
            async with await SmtpClient.connect(server.ports["smtp"]) as client:
                await asyncio.sleep(LOOK_SECONDS)
                await client.send("x@far.example", [ANN], MESSAGE % b"next")
            assert list((server.data / "staging").iterdir()) == []
        async with await reader(server) as client:
            assert await subjects(client) == ["small", "next"]
        assert server.stop() == 0


def test_calendars_on_a_full_disk_refuse_in_words_and_keep_what_they_took(folder: Path) -> None:
    """Also where nothing is kept free for mail: what the reserve gives is used up, and then PUT is refused."""
    large = event("%d").replace(b"END:VEVENT", b"DESCRIPTION:" + b"x" * (MIB // 2) + b"\r\nEND:VEVENT")
    taken: list[int] = []
    with served(folder, on_small_disk, store__min_free_bytes=0) as server:
        curl, disk = Curl(server), os.open(server.data, os.O_RDONLY | os.O_DIRECTORY)  # it would go with the server
        data = Path(f"/proc/self/fd/{disk}")
        assert curl("PUT", f"{CALENDAR}/0.ics", large.replace(b"%d", b"0"))[0] == 201
        with full_to_the_last_octet(data):
            for number in range(1, 200):
                status, text = curl("PUT", f"{CALENDAR}/{number}.ics", large.replace(b"%d", b"%d" % number))
                if status != 201:
                    break
                taken.append(number)
            assert (status, "disk is full" in text) == (507, True), text
            assert curl("GET", f"{CALENDAR}/0.ics")[1].encode().endswith(large.replace(b"%d", b"0"))
            assert curl("GET", f"{CALENDAR}/{number}.ics")[0] == 404
            assert curl("DELETE", f"{CALENDAR}/0.ics")[0] == 204
            server.signal(signal.SIGKILL)
            server.process.wait()
        shutil.rmtree(folder / "data")
        shutil.copytree(data, folder / "data", ignore=shutil.ignore_patterns("poke"))  # a socket
        os.close(disk)
    assert taken, "the reserve was good for nothing"
    with served(folder) as server:
        curl = Curl(server)
        for number in taken:
            status, text = curl("GET", f"{CALENDAR}/{number}.ics")
            assert text.encode().endswith(large.replace(b"%d", b"%d" % number)), status
        for gone in (0, taken[-1] + 1):
            assert curl("GET", f"{CALENDAR}/{gone}.ics")[0] == 404
        assert server.stop() == 0


# ---- disk broken ----


@contextlib.contextmanager
def strace(server: Served, *inject: str) -> Iterator[None]:
    command = ["strace", "-f", "--quiet=all", "-o", "/dev/null", "-p", str(server.pid)]
    with subprocess.Popen([*command, *inject]) as tracer:
        tasks = Path(f"/proc/{server.pid}/task")
        wait_until(lambda: all("TracerPid:\t0" not in (task / "status").read_text() for task in tasks.iterdir()))
        yield
        tracer.send_signal(signal.SIGINT)


@pytest.mark.parametrize("call", ["fsync,fdatasync", "pwrite64"])
async def test_a_disk_that_fails_to_write_is_never_trusted(folder: Path, call: str) -> None:
    with served(folder) as server:
        await mail(server, "before")
        async with await reader(server) as client:
            with strace(server, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO"):
                assert (await refusal(server, "refused")).startswith("451 4.3.0 ")
                with pytest.raises(Refused, match=r"NO \[(UNAVAILABLE|SERVERBUG)\]"):
                    await client.command("APPEND INBOX", MESSAGE % b"refused")
                with pytest.raises(Refused, match=r"NO \[(UNAVAILABLE|SERVERBUG)\]"):
                    await client.command("STORE 1 +FLAGS (\\Flagged)")
                assert await subjects(client) == ["before"]
            await mail(server, "after")
            assert await subjects(client) == ["before", "after"]
            assert b"\\Flagged" not in b"".join(await client.command("FETCH 1:* FLAGS"))
        assert server.stop() == 0
    with served(folder) as server:
        async with await reader(server) as client:
            assert await subjects(client) == ["before", "after"]


async def test_a_mail_file_that_is_gone_takes_no_other_with_it(folder: Path) -> None:
    with served(folder, store__scan_seconds=1) as server:
        for subject in ("first", "second", "third"):
            await mail(server, subject)
        files = sorted((server.data / "mail" / "example.test" / "ann" / "cur").iterdir())
        next(file for file in files if b"Subject: second" in file.read_bytes()).unlink()
        async with await reader(server) as client:
            with pytest.raises(Refused, match=r"NO \[EXPUNGEISSUED\]"):
                await client.command("FETCH 2 BODY.PEEK[]")
            for number in (1, 3):
                await client.command(f"FETCH {number} BODY.PEEK[]")
            await mail(server, "fourth")
            while b"* 2 EXPUNGE\r\n" not in await client.command("NOOP"):  # nobody else may be about to put it there
                await asyncio.sleep(0.2)
            assert await subjects(client) == ["first", "third", "fourth"]
            uids = re.findall(rb"UID (\d+)", b"".join(await client.command("FETCH 1:* UID")))
            assert uids == [b"1", b"3", b"4"], "numbers are not given twice"
        assert server.stop() == 0


# ---- no descriptors ----


async def test_running_out_of_descriptors_passes(folder: Path) -> None:
    with served(folder) as server:
        await mail(server, "before")
        async with await reader(server) as client, await SmtpClient.connect(server.ports["smtp"]) as sender:
            limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            descriptors = max(int(name) for name in os.listdir(f"/proc/{server.pid}/fd")) + 1
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (descriptors + 4, limits[1]))
            with contextlib.ExitStack() as crowd:
                for _ in range(20):
                    address = ("127.0.0.1", server.ports["smtp"])
                    crowd.enter_context(contextlib.closing(socket.create_connection(address)))
                await until(lambda: server.events("could not accept"))
                await client.command("NOOP")
                await client.command("FETCH 1:* (UID FLAGS ENVELOPE)")
                await sender.command(b"NOOP")
                with contextlib.suppress(Refused):  # it may find a descriptor or not
                    await sender.send("x@far.example", [ANN], MESSAGE % b"between")
            with Wire(server.ports["smtp"]) as late, Wire(server.ports["imap"]) as later:
                assert late.line().startswith(b"220 ")
                assert later.line().startswith(b"* OK ")
            await sender.send("x@far.example", [ANN], MESSAGE % b"after")
            assert [each for each in await subjects(client) if each != "between"] == ["before", "after"]
        assert server.stop() == 0


async def until(holds: object) -> None:
    await asyncio.to_thread(wait_until, holds)


# ---- signals ----


async def test_a_new_certificate_is_taken_up_and_nobody_is_dropped(folder: Path) -> None:
    with served(folder) as server:
        old = serial(server, folder)
        async with await reader(server) as client:
            self_signed.ensure(folder / "new", ["mail.example.test"], datetime.now(UTC))
            for name in ("certificate.pem", "key.pem"):
                (folder / "new" / name).replace(folder / "tls" / name)
            assert serial(server, folder / "new") is None, "nobody told the server yet"
            server.signal(signal.SIGHUP)
            await until(lambda: server.events("reloaded"))
            assert serial(server, folder / "new") not in (None, old)
            await client.command("NOOP")
            await mail(server, "after")
            assert await subjects(client) == ["after"]
        assert server.stop() == 0


def serial(server: Served, trusted: Path) -> object:
    """Of the certificate that a new connection sees; None where the CA in `trusted` did not sign it."""
    folder = trusted if (trusted / "ca.pem").exists() else trusted / "tls"
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with socket.create_connection(("127.0.0.1", server.ports["imaps"])) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="mail.example.test") as secure:
                certificate = secure.getpeercert()
                return certificate and certificate["serialNumber"]
        except ssl.SSLCertVerificationError:
            return None


async def test_told_to_stop_at_its_busiest_it_keeps_its_word(folder: Path) -> None:
    kept = list[str]()
    with served(folder) as server:
        work = [asyncio.create_task(keep_sending(server, kept, n)) for n in range(4)]
        work += [asyncio.create_task(keep_appending(server, kept, n)) for n in range(2)]
        while len(kept) < 50:
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.gather(*work)
        assert server.events("stopped")
    with served(folder) as server:
        async with await reader(server) as client:
            found = await subjects(client)
    assert len(found) == len(set(found)), "some came twice"
    assert set(kept) <= set(found), "acknowledged and lost"


async def keep_sending(server: Served, kept: list[str], sender: int) -> None:
    with contextlib.suppress(OSError, Refused, asyncio.IncompleteReadError):
        async with await SmtpClient.connect(server.ports["smtp"]) as client:
            for number in range(10_000):
                await client.send("x@far.example", [ANN, BEN], MESSAGE % b"sent-%d-%d" % (sender, number))
                kept.append(f"sent-{sender}-{number}")


async def keep_appending(server: Served, kept: list[str], sender: int) -> None:
    with contextlib.suppress(OSError, Refused, asyncio.IncompleteReadError):
        async with await reader(server, "Drafts") as client:
            for number in range(10_000):
                await client.command("APPEND INBOX", MESSAGE % b"kept-%d-%d" % (sender, number))
                kept.append(f"kept-{sender}-{number}")
