"""How well words fit a text."""

import pytest

from mailserver.mail.fuzzy import BEGINNING, MAX_WORDS, MISTYPED, WHOLE, WITHIN, score, words


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        ("report", "the report is here", WHOLE),
        ("repo", "the report", BEGINNING),
        ("port", "the report", WITHIN),
        ("reprot", "the report", MISTYPED),  # two letters exchanged
        ("repart", "the report", MISTYPED),  # another letter
        ("reporrt", "the report", MISTYPED),  # one too many
        ("reprt", "the report", MISTYPED),  # one missing
        ("rapart", "the report", 0),  # two other letters
        ("cat", "the car", 0),  # too short to be mistyped
        ("the report", "report of the", WHOLE),
        ("report the", "a report", 0),
        ("repo here", "the report is here", (BEGINNING + WHOLE) // 2),
        ("", "anything", 0),
    ],
)
def test_score(wanted: str, text: str, expected: int) -> None:
    assert score(words(wanted), text) == expected


def test_words_are_letters_and_digits_each_once_and_not_too_many() -> None:
    assert words("a-b, a  c_d 12!") == ["a", "b", "c_d", "12"]
    assert words("...") == []
    assert len(words(" ".join(map(str, range(100))))) == MAX_WORDS
