"""Names of folders on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.store import folder_names

names = st.lists(st.text(st.characters(exclude_characters="/"), min_size=1), min_size=1).map("/".join)


@pytest.mark.parametrize(
    ("mailbox", "folder"),
    [
        ("INBOX", ""),
        ("Sent", ".Sent"),
        ("Work/2024", ".Work.2024"),
        ("a.b", ".a&AC4-b"),  # not the folder of "a/b"
        ("Entwürfe", ".Entw&APw-rfe"),
        ("..", ".&AC4ALg-"),
        ("a&b", ".a&ACY-b"),
        ("x~2", ".x&AH4-2"),
    ],
)
def test_a_mailbox_has_the_folder_other_programs_expect(mailbox: str, folder: str) -> None:
    assert folder_names.folder(mailbox) == folder


@given(names)
def test_every_name_is_one_harmless_segment(name: str) -> None:
    folder = folder_names.folder(name)
    assert name == "INBOX" or folder.startswith(".")
    assert folder not in {".", ".."}
    assert len(folder) < 255
    assert folder.isascii()
    assert not {"/", "\0", ":"} & {*folder}
    assert folder.isprintable()


@given(names, names)
def test_different_names_have_different_folders(one: str, other: str) -> None:
    assert (folder_names.folder(one) == folder_names.folder(other)) == (one == other)
