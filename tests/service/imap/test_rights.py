"""Every command that names or works on a mailbox, with and without the right it needs. RFC 4314 §4, §6."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailserver.mail import rights
from mailserver.mail.flags import EMPTY, FlagMode, FlagSet
from mailserver.mail.rights import ALL, Rights
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.sharing import Change
from mailserver.store import users
from mailserver.store.mailboxes import Mailbox
from tests.dialogues.imap_world import OTHERS, PASSWORD, Client, World, prepare

BOX = "Other Users/ann@example.test/Team"
MISSING = "Other Users/ann@example.test/None"
NOBODY = "Other Users/nobody@example.test/Team"
BOB = OTHERS[0]


@dataclass(frozen=True, slots=True)
class Row:
    command: str  # {box} stands for the name
    needs: str  # all of these rights
    without: str = "[NONEXISTENT]"  # where the user may not even know the mailbox
    first: str = ""  # said before it, as to select a mailbox
    known: str = ""  # rights whose lack is told all the same: by the others the user knows the mailbox

    @property
    def selected(self) -> bool:
        """It works on the mailbox that is open, whose name is known."""
        return self.first.startswith("SELECT {box}")


SELECT = "SELECT {box}"
ROWS = [
    Row("SELECT {box}", "r"),
    Row("EXAMINE {box}", "r"),
    Row("STATUS {box} (MESSAGES)", "r"),
    Row("GETQUOTAROOT {box}", "r"),
    Row("CREATE {box}/New", "k", "[NOPERM]"),  # whatever is or is not above it
    Row("DELETE {box}", "x"),
    Row("RENAME {box}/Child {box}/Other", "xk", known="k"),
    Row("APPEND {box} {{17+}}\r\nSubject: hello\r\n\r\n", "i", "[TRYCREATE]"),
    Row("COPY 1 {box}", "i", "[TRYCREATE]", first="SELECT INBOX"),
    Row("MOVE 1 {box}", "i", "[TRYCREATE]", first="SELECT INBOX"),
    Row("GETACL {box}", "a"),
    Row("SETACL {box} cat@example.test lr", "a"),
    Row("DELETEACL {box} cat@example.test", "a"),
    Row("LISTRIGHTS {box} cat@example.test", "a"),
    Row('SETMETADATA {box} (/shared/comment "x")', "lw"),
    Row("STORE 1 +FLAGS (\\Seen)", "s", first=SELECT),
    Row("STORE 1 +FLAGS (\\Deleted)", "t", first=SELECT),
    Row("STORE 1 +FLAGS (\\Flagged)", "w", first=SELECT),
    Row("STORE 1 +FLAGS ($Work)", "w", first=SELECT),
    Row("UID STORE 1 -FLAGS.SILENT (\\Seen)", "s", first=SELECT),
    Row("EXPUNGE", "e", first=SELECT),
    Row("UID EXPUNGE 1", "e", first=SELECT),
    Row("MOVE 1 Archive", "te", first=SELECT),
    Row("UID MOVE 1 Archive", "te", first=SELECT),
    Row("REPLACE 1 Archive {{17+}}\r\nSubject: hello\r\n\r\n", "te", first=SELECT),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("prepared") / "data"
    asyncio.run(prepare(data))
    return data


class House:
    """Ann's mailbox Team with a child, and Bob at an IMAP session."""

    def __init__(self, world: World, bob: Client) -> None:
        self.world = world
        self.bob = bob

    async def share(self, given: Rights) -> None:
        for name in ("Team", "Team/Child"):
            await self.world.mailboxes.sharing.set(self.world.user_id, name, BOB, Change.REPLACE, given)

    async def says(self, command: str) -> str:
        """The tagged reply without its tag."""
        return (await self.hears(command))[-1][2:]

    async def hears(self, command: str) -> list[str]:
        """All lines of the answer."""
        await self.bob.send(f"t {command}\r\n".encode())
        lines = [(await self.bob.line()).decode("latin-1")]
        while not lines[-1].startswith("t "):
            lines.append((await self.bob.line()).decode("latin-1"))
        return lines

    async def asks(self, row: Row, box: str = BOX) -> str:
        name = f'"{box}"'
        for each in (row.first, row.command):
            command = each.replace("{box}/", f"{box}/").format(box=name) if each else "NOOP"
            for child in ("New", "Child", "Other"):
                command = command.replace(f"{box}/{child}", f'"{box}/{child}"')
            reply = await self.says(command)
        return reply


@pytest.fixture
async def house(prepared: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with await World.open(prepared, tmp_path / "data") as world:
        await world.mailboxes.create(world.user_id, "Team/Child")
        await world.deliver("Team", 2)
        bob_id = (await world.store.read(users.get, BOB)).id
        staged = await world.store.stage_bytes(b"Subject: mine\r\n\r\n")
        await world.mailboxes.append(bob_id, "INBOX", staged, EMPTY, None)
        bob = world.connect(0)
        await bob.line()
        house = House(world, bob)
        assert (await house.says(f'LOGIN {BOB} "{PASSWORD}"')).startswith("OK")
        yield house
        await bob.hang_up()


def name_of(row: Row) -> str:
    return row.command.partition("\r")[0]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
async def test_a_command_needs_its_rights_and_no_other(house: House, row: Row) -> None:
    needed = rights.parse(row.needs)
    reading = frozenset("r") if row.selected else frozenset[str]()
    for right in needed - {"l"}:
        await house.share(ALL - {right})
        assert (await house.asks(row)).startswith("NO [NOPERM]"), right
        if not row.selected:
            await house.share(ALL - {right, "l"})
            without = "[NOPERM]" if right in row.known else row.without
            assert (await house.asks(row)).startswith(f"NO {without}"), right
    await house.share(needed | reading)
    if row.command.startswith("DELETE {"):
        await house.world.mailboxes.delete(house.world.user_id, "Team/Child")
    assert (await house.asks(row)).startswith("OK")


@pytest.mark.parametrize("row", [row for row in ROWS if not row.selected], ids=name_of)
@pytest.mark.parametrize("given", ["", "p", "sp"])
async def test_what_one_may_not_see_is_answered_like_what_is_not_there(house: House, row: Row, given: str) -> None:
    await house.share(rights.parse(given))
    hidden = await house.asks(row, BOX)
    assert hidden.startswith("NO")
    assert hidden == await house.asks(row, MISSING) == await house.asks(row, NOBODY)


OTHER_ANSWERS = ["MYRIGHTS {box}", "GETMETADATA {box} /shared/comment", "SUBSCRIBE {box}", "UNSUBSCRIBE {box}"]


@pytest.mark.parametrize("command", OTHER_ANSWERS)
async def test_nor_do_other_commands_tell_names_apart(house: House, command: str) -> None:
    await house.share(rights.parse("p"))
    row = Row(command, "")
    assert await house.asks(row, BOX) == await house.asks(row, MISSING) == await house.asks(row, NOBODY)


async def test_a_hidden_name_is_in_no_list(house: House) -> None:
    await house.share(ALL - {"l"})
    for command in ('LIST "" *', 'LIST "" "Other Users/%" RETURN (STATUS (MESSAGES) MYRIGHTS)', 'LSUB "" *'):
        await house.bob.send(f"t {command}\r\n".encode())
        while not (line := await house.bob.line()).startswith(b"t "):
            assert b"Team" not in line
            assert b"Other" not in line
        assert line.startswith(b"t OK")


@pytest.mark.parametrize("letter", "lrswipkxtea")
async def test_myrights_tells_what_was_given(house: House, letter: str) -> None:
    await house.share(frozenset(letter))
    await house.bob.send(f't MYRIGHTS "{BOX}"\r\n'.encode())
    line = (await house.bob.line()).decode()
    if letter in "lrikxa":
        virtual = {"k": "c", "x": "c", "t": "d", "e": "d"}.get(letter, "")
        assert line == f'* MYRIGHTS "{BOX}" {letter}{virtual}'
        assert (await house.bob.line()).startswith(b"t OK")
    else:
        assert line.startswith("t NO [NONEXISTENT]")


@pytest.mark.parametrize("letter", "lrswipkxtea")
async def test_select_is_read_write_where_anything_may_change(house: House, letter: str) -> None:
    await house.share(frozenset("r" + letter))
    assert (await house.says(f'SELECT "{BOX}"')).startswith(
        "OK [READ-WRITE]" if letter in "swite" else "OK [READ-ONLY]"
    )
    assert (await house.says(f'EXAMINE "{BOX}"')).startswith("OK [READ-ONLY]")


async def test_fetch_sets_seen_only_with_the_right_to(house: House) -> None:
    for given, unseen in (("r", 2), ("rs", 1)):
        await house.share(frozenset(given))
        await house.says(f'SELECT "{BOX}"')
        assert (await house.says("FETCH 1 BODY[]")).startswith("OK")
        assert (await house.world.mailboxes.status(house.world.user_id, "Team")).unseen == unseen


async def test_close_without_the_right_to_expunge_closes_and_removes_nothing(house: House) -> None:
    await house.share(frozenset("rt"))
    await house.says(f'SELECT "{BOX}"')
    assert (await house.says("STORE 1:2 +FLAGS (\\Deleted)")).startswith("OK")
    assert (await house.says("CLOSE")).startswith("OK")
    assert (await house.world.mailboxes.status(house.world.user_id, "Team")).messages == 2
    await house.share(frozenset("re"))
    await house.says(f'SELECT "{BOX}"')
    assert (await house.says("CLOSE")).startswith("OK")
    assert (await house.world.mailboxes.status(house.world.user_id, "Team")).messages == 0


async def test_a_mailbox_taken_away_during_a_long_search_is_not_looked_into(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.share(ALL)
    look_into = house.world.mailboxes.look_into

    @asynccontextmanager
    async def late(mailbox: Mailbox) -> AsyncIterator[MailboxIndex]:
        async with look_into(mailbox) as index:
            await house.share(frozenset("l"))
            yield index

    command = f'ESEARCH IN (mailboxes "{BOX}") RETURN (COUNT) ALL'
    assert any(line.startswith("* ESEARCH") for line in await house.hears(command))
    monkeypatch.setattr(house.world.mailboxes, "look_into", late)
    assert not any(line.startswith("* ESEARCH") for line in await house.hears(command))


async def test_results_of_a_mailbox_that_was_taken_away_are_not_kept_up_to_date(house: House) -> None:
    await house.share(ALL)
    await house.says(f'SELECT "{BOX}"')
    await house.hears("SEARCH RETURN (UPDATE COUNT) UNSEEN")
    await house.share(frozenset("l"))
    async with house.world.mailboxes.look_into(await team(house)) as index:
        first, second = index.uids[:2]
        user_id = house.world.user_id
        await house.world.mailboxes.set_flags(user_id, index, [first], FlagMode.ADD, FlagSet.of(["\\Seen"]))
        await house.world.mailboxes.remove(index, [second])
    assert await house.hears("NOOP") == ["t OK NOOP completed"]


async def team(house: House) -> Mailbox:
    found = await house.world.mailboxes.find(house.world.user_id, "Team")
    assert found is not None
    return found
