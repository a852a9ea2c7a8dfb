"""The conditions on flags say what a FlagSet says, and are the ones that the partial indexes have."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.flags import SYSTEM_FLAGS, FlagSet
from mailserver.store import file_names
from mailserver.store.database import sqlite
from mailserver.store.flag_conditions import DELETED, FLAGGED, UNSEEN
from mailserver.store.messages import letters
from tests.service.schema.databases import open_at

FLAGS = st.lists(st.sampled_from([*SYSTEM_FLAGS, "Seen", "Deleted2", "$Flagged", "seen", "Draft"]))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    connection = open_at(tmp_path_factory.mktemp("conditions") / "mail.db")
    yield connection
    connection.close()


@given(FLAGS)
def test_conditions_and_letters_agree_with_the_set(names: list[str]) -> None:
    flags = FlagSet.of(names)
    query = f"SELECT {UNSEEN}, {DELETED}, {FLAGGED}, {file_names.LETTERS_NOW} FROM (SELECT ? AS flags) m"
    with closing(sqlite.connect(":memory:")) as connection:
        row = connection.execute(query, (flags.text,)).fetchone()
    assert row == ("\\Seen" not in flags, "\\Deleted" in flags, "\\Flagged" in flags, letters(flags))


@pytest.mark.parametrize(
    ("condition", "index"),
    [(UNSEEN, "idx_messages_unseen"), (DELETED, "idx_messages_deleted"), (FLAGGED, "idx_messages_flagged")],
)
def test_a_count_is_read_from_the_partial_index(database: Any, condition: str, index: str) -> None:
    query = f"EXPLAIN QUERY PLAN SELECT count(*) FROM messages WHERE mailbox_id = 1 AND {condition}"
    plan = " ".join(row[3] for row in database.execute(query))
    assert f"INDEX {index} " in plan
