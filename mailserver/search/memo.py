"""What reading found out: a search that is asked again, or grows by a letter, reads nothing twice.

Contents never change, so an answer stays right; only memory bounds it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

MAX_ANSWERS = 200_000  # contents and needles' characters of all questions together; a content takes some 60 octets
MAX_SHORTER = 50  # latest questions that are looked at for one that this one goes on from


@dataclass(frozen=True, slots=True)
class Question:
    where: str  # in what part of a message, or in which header field
    needle: str  # folded


@dataclass(slots=True)
class Answers:
    found: set[int] = field(default_factory=set)  # content ids that have it
    missing: set[int] = field(default_factory=set)  # that do not


class Memo:
    """Answers by question; the least lately used go first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Question, Answers] = OrderedDict()
        self._count = 0

    def get(self, question: Question) -> Answers:
        answers = self._answers.get(question)
        if answers is None:
            return Answers()
        self._answers.move_to_end(question)
        return answers

    def missing_shorter(self, question: Question) -> set[int]:
        """Contents that do not even have a piece of the needle."""
        return {
            content
            for shorter, answers in islice(reversed(self._answers.items()), MAX_SHORTER)
            if shorter.where == question.where and shorter.needle in question.needle
            for content in answers.missing
        }

    def add(self, question: Question, found: Iterable[int], missing: Iterable[int]) -> None:
        answers = self._answers.setdefault(question, Answers())
        self._answers.move_to_end(question)
        self._count -= _weight(question, answers)
        answers.found.update(found)
        answers.missing.update(missing)
        self._count += _weight(question, answers)
        while self._count > MAX_ANSWERS:
            self._count -= _weight(*self._answers.popitem(last=False))


def _weight(question: Question, answers: Answers) -> int:
    """0 for a question without answers yet."""
    count = len(answers.found) + len(answers.missing)
    return count + len(question.needle) if count else 0
