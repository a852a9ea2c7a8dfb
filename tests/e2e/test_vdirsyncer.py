"""vdirsyncer as two devices of one person, each with a folder, against the real daemon: both edit, none loses."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.served import ANN, PASSWORD, Served, furnish, served

OBJECTS = 500
SYNC_SECONDS = 100.0
ENDINGS = {"caldav": ".ics", "carddav": ".vcf"}
TRIPS = "Fahrten & Ziele"
PLACES = {"caldav": "calendar", "carddav": "contacts"}
_COUNT = re.compile(r"^mailserver_http_requests_total\{(?P<labels>[^}]*)\} (?P<count>[\d.e+]+)$", re.M)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("vdirsyncer")
    furnish(folder)
    with served(folder) as house:
        yield house


@dataclass(frozen=True, slots=True)
class Device:
    """A folder, and what vdirsyncer keeps of it."""

    house: Served
    folder: Path
    kind: str  # "caldav" or "carddav"

    def local(self, collection: str = "") -> Path:
        return self.folder / "objects" / (collection or PLACES[self.kind])

    def write(self, name: str, summary: str, collection: str = "") -> Path:
        path = self.local(collection) / f"{name}{ENDINGS[self.kind]}"
        path.write_bytes(made(self.kind, name, summary))
        return path

    def read(self, collection: str = "") -> dict[str, bytes]:
        """UID → octets; vdirsyncer names files as it likes."""
        files = self.local(collection).iterdir()
        return {uid_of(octets): octets for octets in (file.read_bytes() for file in files)}

    def path(self, uid: str) -> Path:
        return next(file for file in self.local().iterdir() if uid_of(file.read_bytes()) == uid)

    def set_up(self, url: str = "/", conflict: str = "null") -> "Device":
        """Finds the server's collections, and makes there what is only here."""
        (self.folder / "objects").mkdir(parents=True, exist_ok=True)
        (self.folder / "config").write_text(
            f"""
[general]
status_path = "{self.folder}/status/"

[pair all]
a = "near"
b = "far"
collections = ["from a", "from b"]
conflict_resolution = {conflict if conflict == "null" else f'"{conflict}"'}

[storage near]
type = "filesystem"
path = "{self.folder}/objects/"
fileext = "{ENDINGS[self.kind]}"

[storage far]
type = "{self.kind}"
url = "https://localhost:{self.house.ports["https"]}{url}"
username = "{ANN}"
password = "{PASSWORD}"
verify = "{self.house.folder / "tls" / "ca.pem"}"
"""
        )
        done = self.run("discover")
        assert done.returncode == 0, done.stderr
        return self

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(Path(sys.executable).with_name("vdirsyncer")), "--config", str(self.folder / "config"), *words],
            input="y\n" * 20,  # yes, make it there
            capture_output=True,
            text=True,
            check=False,
            timeout=SYNC_SECONDS,
            env=os.environ | {"HOME": str(self.folder)},
        )

    def sync(self) -> None:
        done = self.run("sync")
        assert done.returncode == 0, done.stderr


def made(kind: str, uid: str, summary: str) -> bytes:
    if kind == "caldav":
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Device//EN", "BEGIN:VEVENT", f"UID:{uid}"]
        lines += ["DTSTAMP:20260301T100000Z", "DTSTART:20260302T100000Z", f"SUMMARY:{summary}", "X-ODD;X-P=1:é"]
        lines += ["END:VEVENT", "END:VCALENDAR", ""]
    else:
        lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{summary}", f"N:{summary};;;;", "END:VCARD", ""]
    return "\r\n".join(lines).encode()


def uid_of(octets: bytes) -> str:
    return next(line[4:] for line in octets.decode().splitlines() if line.startswith("UID:"))


def requests(house: Served) -> dict[str, int]:
    """How many of each method were answered so far."""
    port = next(line["http"] for line in house.events("ready"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    counts = dict[str, int]()
    for found in _COUNT.finditer(text):
        method = found["labels"].partition('method="')[2].partition('"')[0]
        counts[method] = counts.get(method, 0) + int(float(found["count"]))
    return counts


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {method: count - before.get(method, 0) for method, count in after.items() if count != before.get(method, 0)}


@pytest.mark.parametrize("kind", ENDINGS)
def test_two_devices_with_500_objects_agree_and_an_idle_sync_transfers_nothing(
    house: Served, tmp_path: Path, kind: str
) -> None:
    one, two = Device(house, tmp_path / "one", kind), Device(house, tmp_path / "two", kind)
    one.local(TRIPS).mkdir(parents=True)  # becomes a collection of the server's, and a folder of the other device
    one.set_up()
    two.set_up()
    one.write("trip", "Wien", TRIPS)
    for number in range(OBJECTS):
        one.write(f"object-{number}", f"Object {number}")
    before = requests(house)
    one.sync()
    assert since(before, requests(house))["PUT"] == OBJECTS + 1
    two.sync()
    assert objects() <= set(two.read())
    assert two.read() == one.read()
    assert two.read(TRIPS) == one.read(TRIPS)

    before = requests(house)
    one.sync()
    two.sync()
    assert set(since(before, requests(house))) == {"PROPFIND"}  # lists of entity tags: no GET, no REPORT, no PUT

    one.path("object-1").write_bytes(made(kind, "object-1", "Changed by one"))
    two.path("object-2").write_bytes(made(kind, "object-2", "Changed by two"))
    one.path("object-3").unlink()
    two.path("object-4").unlink()
    one.write("object-new", "Made by one")
    before = requests(house)
    for device in (one, two, one):
        device.sync()
    told = since(before, requests(house))
    assert (told["PUT"], told["DELETE"]) == (3, 2)
    assert one.read() == two.read()
    removed = {"object-3", "object-4"}
    assert set(one.read()) & (objects() | {"object-new"}) == objects() - removed | {"object-new"}
    assert b"Changed by one" in two.path("object-1").read_bytes()
    assert b"Changed by two" in one.path("object-2").read_bytes()


@pytest.mark.parametrize("kind", ENDINGS)
def test_of_two_edits_of_one_object_the_setting_says_which_wins_and_without_one_none_is_lost(
    house: Served, tmp_path: Path, kind: str
) -> None:
    one = Device(house, tmp_path / "one", kind).set_up(conflict="a wins")
    two = Device(house, tmp_path / "two", kind).set_up(conflict="b wins")
    three = Device(house, tmp_path / "three", kind).set_up(conflict="null")
    one.write("conflict", "As it was")
    for device in (one, two, three):
        device.sync()

    edit(one, "Of one"), edit(two, "Of two"), edit(three, "Of three")
    one.sync()
    two.sync()  # what the server has wins there
    assert b"Of one" in two.read()["conflict"]
    told = three.run("sync")
    assert told.returncode != 0
    assert "conflict" in told.stderr
    assert b"Of three" in three.read()["conflict"]  # to be settled by a person

    edit(one, "Of one again"), edit(two, "Of two again")
    two.sync()
    one.sync()  # what it has itself wins there
    two.sync()
    assert b"Of one again" in one.read()["conflict"]
    assert two.read()["conflict"] == one.read()["conflict"]


def objects() -> set[str]:
    return {f"object-{number}" for number in range(OBJECTS)}


def edit(device: Device, summary: str) -> None:
    device.path("conflict").write_bytes(made(device.kind, "conflict", summary))


@pytest.mark.parametrize("kind", ENDINGS)
def test_where_the_address_leads_nowhere_the_well_known_one_is_found(house: Served, tmp_path: Path, kind: str) -> None:
    assert Device(house, tmp_path, kind).set_up("/nothing/here/").local().is_dir()
