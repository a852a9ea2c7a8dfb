"""docs/imap.md and the code name the same capabilities."""

import re
from pathlib import Path

from mailserver.imap.capabilities import CAPABILITIES, Facts, can_be_switched_off, capabilities
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.states import State

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "imap.md").read_text()
README = (ROOT / "README.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|(.*)\|$", TEXT, re.MULTILINE)
LOGGED_IN = Facts(State.AUTHENTICATED, may_log_in=True, offers_tls=False, max_append_octets=1, message_limit=1)


def test_each_capability_has_one_row_and_no_row_is_of_another() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(capability.name.decode() for capability in CAPABILITIES)


def test_each_row_names_its_standard() -> None:
    assert [name for name, standard, _, _ in ROWS if not re.fullmatch(r"RFC \d+|draft-[\w-]+|none", standard)] == []


def test_what_can_not_be_switched_off_is_said() -> None:
    fixed = {name.upper() for name, _, _, without in ROWS if without.strip() == "can not be"}
    assert fixed == {name.upper() for name, *_ in ROWS} - {*can_be_switched_off()}


def test_the_commands_that_go_with_a_capability_are_named() -> None:
    without = {name.encode().upper(): text for name, _, _, text in ROWS}
    owned = {(name, row.capability) for name, row in COMMANDS.items() if row.capability}
    assert [name for name, capability in owned if _word(name) not in without[capability.upper()]] == []


def test_the_number_told_after_the_login_is_right() -> None:
    told = len(capabilities(LOGGED_IN).split())
    assert f"After the login {told} capabilities are told" in TEXT
    assert f"with {told} capabilities" in README


def test_the_readme_names_only_what_is_there() -> None:
    imap = README.partition("| **Any mail program** (IMAP")[2].partition("| **")[0]
    cells = re.findall(r"^\| · [^|]+\| ([^|]+) \|$", imap, re.MULTILINE)
    names = {name for cell in cells for name in cell.split(", ") if name[:3].isupper()}
    assert len(names) > 30
    assert names - {row[0] for row in ROWS} == set()


def _word(command: str) -> str:
    """`UID MOVE` goes with MOVE; EXPUNGE alone needs no capability."""
    return command if command == "UID EXPUNGE" else command.removeprefix("UID ")
