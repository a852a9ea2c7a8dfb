"""Calendars and contacts as curl finds them: the served daemon over https, with the certificate of the mail ports."""

import gzip
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailserver.tls import self_signed
from tests.daemon import wait_until
from tests.dialogues.dav_player import CARD, EVENT
from tests.e2e.served import ANN, BEN, PASSWORD, Served, command, furnish, served

CALENDAR = f"/dav/calendars/{ANN}/calendar"
DEADLINE_SECONDS = 10.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("dav")
    furnish(folder)
    with served(folder) as house:
        yield house


class Curl:
    def __init__(self, house: Served, user: str = ANN, password: str = PASSWORD) -> None:
        self._house = house
        self._login = ["--user", f"{user}:{password}"] if user else []

    def __call__(self, method: str, path: str, body: bytes | None = None, *more: str) -> tuple[int, str]:
        """Status and what came with it, headers first."""
        port = self._house.ports["https"]
        words = ["curl", "--silent", "--show-error", "--include", "--cacert", str(self._house.certificate)]
        words += ["--resolve", f"mail.example.test:{port}:127.0.0.1", "--request", method, *self._login, *more]
        if body is not None:
            words += ["--data-binary", "@-", "--header", "Content-Type:"]
        done = subprocess.run(
            [*words, f"https://mail.example.test:{port}{path}"],
            input=body or b"",
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode().replace("HTTP/1.1 100 Continue\r\n\r\n", "")
        return int(text.split()[1]), text


def event(uid: str) -> bytes:
    return EVENT.replace("{uid}", uid).replace("\n", "\r\n").encode() + b"\r\n"


def test_an_event_is_stored_found_and_removed(house: Served) -> None:
    curl = Curl(house)
    assert curl("PUT", f"{CALENDAR}/1.ics", event("1"))[0] == 201
    status, text = curl("GET", f"{CALENDAR}/1.ics")
    assert status == 200
    assert text.partition("\r\n\r\n")[2].encode() == event("1")
    status, text = curl("PROPFIND", f"{CALENDAR}/", None, "--header", "Depth: 1")
    assert (status, text.count(f"{CALENDAR}/1.ics")) == (207, 1)
    assert curl("DELETE", f"{CALENDAR}/1.ics")[0] == 204
    assert curl("GET", f"{CALENDAR}/1.ics")[0] == 404


def test_a_contact_is_stored(house: Served) -> None:
    card = CARD.replace("{uid}", "1").replace("\n", "\r\n").encode()
    assert Curl(house)("PUT", f"/dav/addressbooks/{ANN}/contacts/1.vcf", card)[0] == 201


def test_another_user_finds_nothing_of_it(house: Served) -> None:
    curl, other = Curl(house), Curl(house, BEN)
    assert curl("PUT", f"{CALENDAR}/2.ics", event("2"))[0] == 201
    for method in ("GET", "PUT", "DELETE", "PROPFIND", "MKCALENDAR"):
        body = event("3") if method == "PUT" else None
        assert other(method, f"{CALENDAR}/2.ics", body)[0] == 404, method
    assert curl("GET", f"{CALENDAR}/2.ics")[0] == 200


def test_who_is_nobody_is_asked_to_log_in_and_sends_no_body(house: Served) -> None:
    large = b"x" * 3_000_000  # curl says "Expect: 100-continue" for that
    status, text = Curl(house, "")("PUT", f"{CALENDAR}/3.ics", large)
    assert status == 401
    assert "WWW-Authenticate: Basic" in text or "www-authenticate: Basic" in text


def test_a_host_name_is_enough(house: Served) -> None:
    body = b'<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    status, text = Curl(house)(
        "PROPFIND", "/.well-known/caldav", body, "--location", "--post301", "--header", "Depth: 0"
    )
    assert status == 301
    assert "HTTP/1.1 207" in text
    assert f"/dav/principals/{ANN}/" in text


def test_health_and_metrics_are_not_on_this_port(house: Served) -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert Curl(house)("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (event("4"), ("--header", "Transfer-Encoding: chunked"), 201),
        (gzip.compress(b" " * 50_000_000), ("--header", "Content-Encoding: gzip"), 415),
        (b"x" * 11_000_000, (), 413),
        (b"x" * 11_000_000, ("--header", "Transfer-Encoding: chunked"), 413),
        (event("5"), ("--header", "X: " + "x" * 65_536), 431),
    ],
    ids=["chunks", "a packed body", "too large", "too large in chunks", "a header of 64 KiB"],
)
def test_bodies_and_headers_are_bounded(house: Served, body: bytes, more: tuple[str, ...], status: int) -> None:
    assert Curl(house)("PUT", f"{CALENDAR}/4.ics", body, *more)[0] == status


def test_passwords_are_not_taken_on_the_plain_port(house: Served) -> None:
    port = next(line["http"] for line in house.events("ready"))
    words = ["curl", "--silent", "--user", f"{ANN}:{PASSWORD}", f"http://127.0.0.1:{port}/dav/"]
    answered = subprocess.run([*words, "--write-out", "%{http_code}"], capture_output=True, check=True).stdout.decode()
    assert answered.endswith("403")
    assert "over https only" in answered


def test_a_token_for_calendars_logs_in_until_it_is_removed(house: Served) -> None:
    words = [*command(house.folder), "token"]
    made = subprocess.run(
        [*words, "add", ANN, "--name", "Phone", "--scope", "dav"], capture_output=True, check=True
    ).stdout.decode()
    token = next(word for word in made.split() if word.startswith("mst_"))
    curl = Curl(house, ANN, token)
    assert curl("GET", "/dav/")[0] == 200
    subprocess.run([*words, "remove", ANN, "Phone"], capture_output=True, check=True)
    wait_until(lambda: curl("GET", "/dav/")[0] == 401, DEADLINE_SECONDS)


def test_a_renewed_certificate_is_used_after_sighup(house: Served) -> None:
    before = _certificate(house)
    shutil.rmtree(house.folder / "tls")
    self_signed.ensure(house.folder / "tls", ["mail.example.test"], datetime.now(UTC))
    house.signal(signal.SIGHUP)
    wait_until(lambda: _certificate(house) != before, DEADLINE_SECONDS)
    assert Curl(house)("GET", "/dav/")[0] == 200


def _certificate(house: Served) -> str:
    return ssl.get_server_certificate(("127.0.0.1", house.ports["https"]))


def test_no_password_is_in_the_log(house: Served) -> None:
    assert PASSWORD not in (Path(house.folder) / "server.log").read_text()


def told(house: Served, *words: str) -> str:
    """What `mailserver calendar` says."""
    return subprocess.run(
        [*command(house.folder), "calendar", *words], capture_output=True, check=True, text=True, timeout=60
    ).stdout


def test_a_secret_link_is_read_without_a_login_until_it_is_taken_back(house: Served) -> None:
    assert Curl(house)("PUT", f"{CALENDAR}/linked.ics", event("linked"))[0] == 201
    address = told(house, "link", ANN, "calendar").strip()
    path = "/dav/" + address.partition("/dav/")[2]
    nobody = Curl(house, "")
    status, text = nobody("GET", path)
    assert (status, "UID:linked" in text) == (200, True)
    assert nobody("HEAD", path, None, "--head")[0] == 200
    number = told(house, "links", ANN).split("\t")[0]
    told(house, "unlink", ANN, number)
    assert nobody("GET", path)[0] == 404
