"""ADDTO and REMOVEFROM: a client that follows the lines has the result that the server has."""

import random
import re

from mailserver.imap.search_context import Context
from mailserver.mail.search import All
from mailserver.mail.sorting import Criterion, SortKey

SORTED = (SortKey(Criterion.DATE),)


def numbers(text: str) -> list[int]:
    """A sequence-set in the order it stands in, ranges ascending, RFC 5267 §3.2."""
    found: list[int] = []
    for each in text.split(","):
        first, _, last = each.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def follow(result: list[int], line: bytes, *, by_position: bool) -> list[int]:
    """What a client does with one line, RFC 5267 §4.3.3, §4.3.4."""
    found = re.fullmatch(rb'\* ESEARCH \(TAG "t"\) UID (ADDTO|REMOVEFROM) \(([0-9:, ]+)\)\r\n', line)
    assert found is not None
    result = [*result]
    words = found[2].decode().split()
    for position, text in zip(map(int, words[::2]), words[1::2], strict=True):
        assert (position > 0) is by_position
        place = position - 1
        for uid in numbers(text):
            if found[1] == b"REMOVEFROM":
                assert not by_position or result[place] == uid
                result.remove(uid)
            elif by_position:
                result.insert(place, uid)
                place += 1
            else:
                result.append(uid)
    return result if by_position else sorted(result)


def test_random_changes_are_followed() -> None:
    chance = random.Random(3)
    for _ in range(500):
        by_position = chance.random() < 0.5
        before = chance.sample(range(1, 30), chance.randint(1, 20))
        gone = set(chance.sample(before, chance.randint(1, len(before))))
        staying = [uid for uid in before if uid not in gone]
        after = chance.sample(range(30, 60), chance.randint(1, 9))
        for uid in staying:
            place = chance.randint(0, len(after))
            after.insert(place, uid)
        after = _with_order(after, staying)
        if not by_position:
            before, staying, after = sorted(before), sorted(staying), sorted(after)
        context = Context(b"t", All(), SORTED if by_position else (), True, 0, before)
        removal = context.line(b"REMOVEFROM", context.removed(gone))
        assert follow(before, removal, by_position=by_position) == staying
        context.take(staying)
        addition = context.line(b"ADDTO", context.added(after))
        assert follow(staying, addition, by_position=by_position) == after


def _with_order(mixed: list[int], staying: list[int]) -> list[int]:
    """The members of `staying` in their order at the places they have in `mixed`."""
    rest = iter(staying)
    members = set(staying)
    return [next(rest) if uid in members else uid for uid in mixed]


def test_what_stands_side_by_side_goes_into_one_set() -> None:
    context = Context(b"t", All(), SORTED, True, 0, [5, 4, 3])
    assert context.line(b"ADDTO", context.added([7, 6, 5, 4, 8, 3, 9])) == (
        b'* ESEARCH (TAG "t") UID ADDTO (1 7,6 5 8 7 9)\r\n'
    )
    assert context.line(b"REMOVEFROM", context.removed({5, 4})) == b'* ESEARCH (TAG "t") UID REMOVEFROM (1 5,4)\r\n'
