"""What reading found out, remembered within bounds."""

import pytest

from mailserver.search import memo
from mailserver.search.memo import Memo, Question


def test_answers_add_up() -> None:
    kept = Memo()
    question = Question("Body", "blue sky")
    kept.add(question, [1], [2])
    kept.add(question, [3], [])
    assert (kept.get(question).found, kept.get(question).missing) == ({1, 3}, {2})
    assert kept.get(Question("Text", "blue sky")).found == set()


def test_what_lacks_a_piece_lacks_the_whole() -> None:
    kept = Memo()
    kept.add(Question("Body", "blue s"), [1], [2])
    kept.add(Question("Text", "blue"), [], [3])
    kept.add(Question("Body", "green"), [], [4])
    assert kept.missing_shorter(Question("Body", "a blue sky")) == {2}


def test_the_least_lately_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "MAX_ANSWERS", 30)
    kept = Memo()
    first, second, third = (Question("Body", name) for name in ("first", "other", "third"))
    kept.add(first, range(5), [])
    kept.add(second, range(5), [])
    assert kept.get(first).found
    kept.add(third, range(5), range(5, 10))
    assert kept.get(first).found
    assert not kept.get(second).found
    kept.add(Question("Body", "x" * 100), [1], [])  # too much for all of it
    assert not kept.get(first).found
    assert not kept.get(third).found
