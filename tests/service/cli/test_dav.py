"""`mailserver calendar`, `addressbook` and `dav`: collections by hand, files in and out."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.service.cli.conftest import Run

BOB = "bob@example.test"
OSLO = (
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\n"
    "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)


def event(uid: str, *lines: str, start: str = "DTSTART;TZID=Europe/Oslo:20260101T100000") -> str:
    fields = (f"UID:{uid}", "DTSTAMP:20260101T000000Z", start, *lines)
    return "BEGIN:VEVENT\r\n" + "".join(f"{line}\r\n" for line in fields) + "END:VEVENT\r\n"


def ics(*components: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{OSLO}{''.join(components)}END:VCALENDAR\r\n".encode()


def card(uid: str, name: str, version: str = "3.0") -> str:
    return f"BEGIN:VCARD\r\nVERSION:{version}\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\nEND:VCARD\r\n"


@pytest.fixture
def bob(cli: Run, ann: str) -> str:
    assert ann
    assert cli("user", "add", BOB, "--password-stdin", stdin=b"correct horse\n").code == 0
    return BOB


@pytest.mark.parametrize(("noun", "first"), [("calendar", "calendar"), ("addressbook", "contacts")])
def test_collections_are_made_changed_and_removed(cli: Run, ann: str, noun: str, first: str) -> None:
    assert cli(noun, "list", ann).rows[0][0] == first
    assert "as work" in cli(noun, "add", ann, "My Work", "--slug", "work", "--color", "#FF0000").out
    assert cli(noun, "add", ann, "work").code == 73
    assert cli(noun, "set", ann, "My Work", "--name", "Job", "--slug", "job", "--default").code == 0
    found = json.loads(cli(noun, "list", ann, "--json").out)[0]
    assert (found["slug"], found["name"], found["color"], found["default"]) == ("job", "Job", "#FF0000", True)
    refused = cli(noun, "remove", ann, "job")
    assert (refused.code, "make another the default" in refused.err) == (65, True)
    assert cli(noun, "remove", ann, first).code == 0
    assert first not in [row[0] for row in cli(noun, "list", ann).rows]
    missing = cli(noun, "remove", ann, first)
    assert (missing.code, f"{ann} has no" in missing.err) == (65, True)


def test_a_calendar_is_shared_and_taken_back(cli: Run, ann: str, bob: str) -> None:
    assert cli("calendar", "share", ann, "Calendar", bob, "--write").out == (
        f"{bob} has Calendar of {ann} as calendar-ann, to read and write\n"
    )
    assert f"{bob} (read, write)" in cli("calendar", "list", ann).out
    assert cli("calendar", "list", bob).rows[-1][:3] == ["calendar-ann", "Calendar", "0"]
    assert cli("calendar", "set", bob, "calendar-ann", "--name", "Ann").code == 0
    assert cli("calendar", "set", bob, "calendar-ann", "--description", "x").code == 77
    assert cli("calendar", "unshare", ann, "calendar", bob).code == 0
    assert "calendar-ann" not in cli("calendar", "list", bob).out
    assert cli("calendar", "unshare", ann, "calendar", bob).code == 67


def test_a_full_calendar_is_removed_only_with_its_objects(cli: Run, ann: str) -> None:
    assert cli("calendar", "add", ann, "work").code == 0
    assert cli("dav", "import", ann, "-", "--calendar", "work", stdin=ics(event("1"))).code == 0
    refused = cli("calendar", "remove", ann, "work")
    assert (refused.code, "--with-objects" in refused.err) == (65, True)
    assert cli("calendar", "remove", ann, "work", "--with-objects").code == 0


def test_a_file_of_events_goes_in_once(cli: Run, ann: str, tmp_path: Path) -> None:
    file = tmp_path / "a.ics"
    file.write_bytes(
        ics(event("1", "RRULE:FREQ=DAILY;COUNT=3"), event("2"), event("1", "RECURRENCE-ID:20260102T090000Z"))
    )
    first = cli("dav", "import", ann, str(file))
    assert (first.code, first.out) == (0, f"{file}: 2 added, 0 replaced, 0 unchanged, 0 refused\n")
    assert cli("dav", "import", ann, str(file)).out.startswith(f"{file}: 0 added, 0 replaced, 2 unchanged")
    file.write_bytes(ics(event("1", "SUMMARY:other"), event("3")))
    kept = cli("dav", "import", ann, str(file))
    assert "1 added, 0 replaced, 0 unchanged, 1 kept as they are (--replace" in kept.out
    assert "0 added, 1 replaced, 1 unchanged" in cli("dav", "import", ann, str(file), "--replace").out


def test_what_can_not_be_taken_is_named_with_its_line(cli: Run, ann: str, tmp_path: Path) -> None:
    file = tmp_path / "a.ics"
    file.write_bytes(ics(event("good"), event("bad", "RRULE:FREQ=NEVER"), event("good too")))
    done = cli("dav", "import", ann, str(file), "--json")
    assert done.code == 1
    [told] = json.loads(done.out)
    assert (told["added"], told["refused"]) == (2, 1)
    assert [(fault["line"], fault["uid"]) for fault in told["faults"]] == [(17, "bad")]
    assert done.err.startswith(f"{file}:17: bad: ")


def test_what_belongs_to_no_event_is_told_and_is_no_fault(cli: Run, ann: str) -> None:
    note = "BEGIN:X-NOTE\r\nTEXT:mine\r\nEND:X-NOTE\r\n"
    done = cli("dav", "import", ann, "-", stdin=ics(event("1"), note, event("2")))
    assert (done.code, done.err) == (0, "-: 1 X-NOTE left out: which event of many it belongs to is not said\n")
    again = cli("dav", "import", ann, "-", "--json", stdin=ics(event("1"), note, event("2")))
    assert json.loads(again.out)[0]["left_out"] == {"X-NOTE": 1}


def test_an_export_is_the_import_of_another(cli: Run, ann: str, bob: str, tmp_path: Path) -> None:
    file = tmp_path / "all.ics"
    assert cli("dav", "import", ann, "-", stdin=ics(event("1"), event("2", "SUMMARY:é"))).code == 0
    assert cli("dav", "export", ann, str(file)).code == 0
    text = file.read_text()
    assert (text.count("BEGIN:VTIMEZONE"), text.count("BEGIN:VEVENT")) == (1, 2)
    assert "X-WR-CALNAME:Calendar\n" in text
    assert "0 added, 0 replaced, 2 unchanged" in cli("dav", "import", ann, str(file)).out
    assert "2 added" in cli("dav", "import", bob, str(file)).out


def test_contacts_of_every_version_go_in_and_out(cli: Run, ann: str, tmp_path: Path) -> None:
    file = tmp_path / "a.vcf"
    old = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Old;Phone\r\nTEL;HOME:1\r\nEND:VCARD\r\n"
    plain = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Nobody\r\nN:Nobody;;;;\r\nEND:VCARD\r\n"
    broken = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:9\r\n"
    file.write_text(card("1", "Bob") + old + plain + card("a/b", "Cid", "4.0") + broken, newline="")
    done = cli("dav", "import", ann, str(file))
    assert (done.code, done.out) == (1, f"{file}: 4 added, 0 replaced, 0 unchanged, 1 refused\n")
    assert done.err == f"{file}:23: END:VCARD is missing\n"
    assert "0 added, 0 replaced, 4 unchanged" in cli("dav", "import", ann, str(file)).out
    out = tmp_path / "out.vcf"
    assert cli("dav", "export", ann, str(out), "--addressbook", "contacts").code == 0
    assert card("1", "Bob") in out.read_bytes().decode()
    assert out.read_bytes().count(b"BEGIN:VCARD") == 4


def test_faults_of_the_command_are_told(cli: Run, ann: str, tmp_path: Path) -> None:
    assert cli("dav", "import", ann, "-", stdin=b"hello").code == 65
    assert cli("dav", "import", ann, str(tmp_path / "missing")).code == 66
    assert cli("dav", "import", "no@example.test", "-", stdin=ics(event("1"))).code == 67
    assert cli("dav", "import", ann, "-", "--calendar", "none", stdin=ics(event("1"))).code == 65
    assert cli("dav", "export", ann, "--calendar", "a", "--addressbook", "b").code == 65


def test_all_of_a_home_is_one_archive_that_fills_another_home(cli: Run, ann: str, bob: str, tmp_path: Path) -> None:
    file = str(tmp_path / "ann.zip")
    for slug in ("..hidden", "a\\b:c", "été"):
        assert cli("calendar", "add", ann, f"The {slug}", "--slug", slug, "--color", "#123456").code == 0
        assert cli("dav", "import", ann, "-", "--calendar", slug, stdin=ics(event(f"in/{slug}"))).code == 0
    assert cli("dav", "import", ann, "-", stdin=card("../c", "Cid").encode()).code == 0
    assert cli("calendar", "set", ann, "été", "--default").code == 0
    assert cli("calendar", "share", bob, "calendar", ann, "--write").code == 0
    assert cli("dav", "export", ann, file, "--all").code == 0
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert len(names) == 7  # without what bob shares; two calendars of the start, three, a book, the index
        assert not [name for name in names if ".." in name or "\\" in name or ":" in name]
    done = cli("dav", "import", bob, file)
    assert (done.code, done.out.count(": 1 added"), done.out.count(": 0 added")) == (0, 4, 2)
    found = {each["slug"]: each for each in json.loads(cli("calendar", "list", bob, "--json").out)}
    assert found.keys() == {"calendar", "tasks", "..hidden", "a\\b:c", "été"}
    assert (found["été"]["default"], found["été"]["name"], found["été"]["color"]) == (True, "The été", "#123456")
    assert "UID:in/..hidden" in cli("dav", "export", bob, "--calendar", "..hidden").out
    again = cli("dav", "import", bob, file)
    assert (again.code, again.out.count(": 0 added")) == (0, 6)


def test_an_archive_goes_not_into_what_others_share(cli: Run, ann: str, bob: str, tmp_path: Path) -> None:
    file = str(tmp_path / "bob.zip")
    assert cli("calendar", "share", ann, "calendar", bob, "--write").code == 0
    assert cli("calendar", "set", bob, "calendar-ann", "--slug", "work").code == 0
    assert cli("calendar", "add", ann, "work").code == 0
    assert cli("dav", "import", ann, "-", "--calendar", "work", stdin=ics(event("1"))).code == 0
    assert cli("dav", "export", ann, file, "--all").code == 0
    assert cli("dav", "import", bob, file).code == 0
    assert cli("calendar", "list", bob).rows[-2][0] == "work-2"
    assert "BEGIN:VEVENT" not in cli("dav", "export", ann).out


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ({}, "no index.json"),
        ({"index.json": b"{}"}, "index.json of the archive"),
        ({"index.json": b'{"format": 2, "collections": []}'}, "index.json of the archive"),
        ({"index.json": b'{"format":1,"collections":[{"file":"../x","family":"calendars","slug":"x","name":"x"}]}'},
         "no ../x"),
        ({"index.json": b'{"format":1,"collections":[{"file":"x","family":"calendars","slug":"a/b","name":"x"}]}',
          "x": b""}, "no '/'"),
    ],
)  # fmt: skip
def test_an_archive_of_something_else_is_refused_in_words(
    cli: Run, ann: str, contents: dict[str, bytes], told: str
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    done = cli("dav", "import", ann, "-", stdin=packed.getvalue())
    assert (done.code, told in done.err) == (65, True), done.err
    cut = cli("dav", "import", ann, "-", stdin=b"PK\x03\x04" + b"x" * 100)
    assert (cut.code, "damaged" in cut.err) == (65, True)


def test_an_export_that_fails_leaves_the_file_there_was(cli: Run, ann: str, tmp_path: Path) -> None:
    file, new = tmp_path / "a.ics", tmp_path / "new.ics"
    file.write_bytes(b"precious" * 100)
    for each in (file, new):
        assert cli("dav", "export", ann, str(each), "--calendar", "none").code == 65
    assert (file.read_bytes(), new.exists()) == (b"precious" * 100, False)
    assert cli("dav", "export", ann, str(file)).code == 0
    assert file.read_bytes().endswith(b"END:VCALENDAR\r\n")


def test_a_secret_link_is_made_shown_again_and_taken_back(cli: Run, ann: str) -> None:
    made = cli("calendar", "link", ann, "calendar", "--busy-only")
    assert (made.code, made.out.startswith("https://localhost/dav/feeds/"), made.out.endswith(".ics\n")) == (
        0,
        True,
        True,
    )
    [row] = cli("calendar", "links", ann).rows
    assert (row[0], row[1], row[2], row[-1]) == ("1", "calendar", "busy times", made.out.strip())
    assert cli("calendar", "link", ann, "nothing").code == 65
    assert cli("calendar", "unlink", ann, "2").code == 65
    assert cli("calendar", "unlink", ann, "1").code == 0
    assert cli("calendar", "links", ann).rows == []


def test_a_feed_is_subscribed_to_and_told_about(cli: Run, ann: str) -> None:
    url = "webcal://feeds.example.net/h.ics"
    done = cli("calendar", "subscribe", ann, url, "--name", "Holidays", "--slug", "h", "--every", "2h")
    assert (done.code, "as h" in done.out) == (0, True)
    [row] = cli("calendar", "subscriptions", ann).rows
    assert (row[0], row[1], row[3], row[-2]) == ("h", "Holidays", "2:00:00", "not fetched yet")
    assert row[-1] == "https://feeds.example.net/h.ics"
    assert cli("calendar", "refresh", ann, "Holidays").code == 0
    assert cli("calendar", "refresh", ann, "calendar").code == 65
    refused = cli("calendar", "subscribe", ann, "http://feeds.example.net/h.ics")
    assert (refused.code, "over https:// only" in refused.err) == (65, True)
    assert cli("calendar", "subscribe", ann, url, "--every", "soon").code == 64
    kinds = [row[5] for row in cli("calendar", "list", ann).rows if row[0] == "h"]
    assert kinds == ["subscription"]


def test_who_may_ask_when_a_user_is_busy_is_set_and_shown(cli: Run, ann: str) -> None:
    assert cli("calendar", "free-busy", ann).out == f"{ann}: off\n"
    assert cli("calendar", "free-busy", ann, "domain").out == f"{ann}: domain\nhttps://localhost/dav/freebusy/{ann}\n"
    first = cli("calendar", "free-busy", ann, "secret").out
    assert f"https://localhost/dav/freebusy/{ann}?token=" in first
    assert cli("calendar", "free-busy", ann, "secret").out == first
    assert cli("calendar", "free-busy", ann, "--new-address").out != first
    assert json.loads(cli("calendar", "free-busy", ann, "off", "--json").out)["address"] is None


def test_the_records_by_which_clients_find_calendars(cli: Run, ann: str) -> None:
    assert ann
    assert cli("dav", "dns", "example.test").out.splitlines()[1:] == [
        "_caldavs._tcp.example.test. 3600 IN SRV 0 1 443 localhost.",
        '_caldavs._tcp.example.test. 3600 IN TXT "path=/dav/"',
        "_carddavs._tcp.example.test. 3600 IN SRV 0 1 443 localhost.",
        '_carddavs._tcp.example.test. 3600 IN TXT "path=/dav/"',
        "_caldav._tcp.example.test. 3600 IN SRV 0 0 0 .",
        "_carddav._tcp.example.test. 3600 IN SRV 0 0 0 .",
    ]
    assert cli("dav", "dns", "other.test").code == 67
