"""THREAD: the RFC's algorithm told a second time, plainly, and compared on mailboxes full of lies."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mailserver.mail import thread_links
from mailserver.mail.threading import Algorithm, Letter, thread
from tests.growth import is_linear

Tree = tuple[int | None, tuple["Tree", ...]]  # uid (None: not here), children in order


def answer(algorithm: Algorithm, letters: list[Letter]) -> str:
    threads = thread(algorithm, letters)
    return (threads.template % threads.uids).decode("ascii")


def letter(
    uid: int,
    *references: str,
    subject: str = "",
    reply: bool = False,
    name: str | None = None,
    sent: int | None = None,
    arrived: int = 0,
) -> Letter:
    return Letter(uid, f"{uid}" if name is None else name, references, subject, reply, sent or uid, arrived or uid)


# --- puzzles -----------------------------------------------------------------------------------------------------

PUZZLES: list[tuple[str, list[Letter], str]] = [
    ("nothing", [], ""),
    ("one alone", [letter(1)], "(1)"),
    ("a chain", [letter(1), letter(2, "1"), letter(3, "1", "2")], "(1 2 3)"),
    ("two answers", [letter(1), letter(2, "1"), letter(3, "1")], "(1 (2)(3))"),
    ("an answer before its question", [letter(1, "2"), letter(2, sent=9)], "(2 1)"),
    ("a missing parent is taken out", [letter(1), letter(2, "1", "gone"), letter(3, "1", "gone")], "(1 (2)(3))"),
    ("a missing root stays above two", [letter(1, "gone"), letter(2, "gone")], "((1)(2))"),
    ("a missing root above one goes", [letter(1, "gone")], "(1)"),
    ("missing ones above a missing one", [letter(1, "a", "b"), letter(2, "a", "c")], "((1)(2))"),
    ("a loop of two", [letter(1, "2"), letter(2, "1")], "(2 1)"),
    ("a loop of three", [letter(1, "3"), letter(2, "1"), letter(3, "2")], "(3 1 2)"),
    ("its own parent", [letter(1, "1")], "(1)"),
    ("its own grandparent", [letter(1, "1", "2"), letter(2)], "(1)(2)"),
    ("the same id twice", [letter(1, name="x"), letter(2, name="x"), letter(3, "x")], "(1 3)(2)"),
    ("no id at all", [letter(1, name=""), letter(2, name="")], "(1)(2)"),
    (
        "truncated references are mended",
        [letter(1), letter(2, "1"), letter(3, "1"), letter(4, "2", "3")],
        "(1 (2)(3 4))",
    ),
    (
        "whoever names no parent has none, whatever others say of it",
        [letter(1), letter(2, "1", "3"), letter(3)],
        "(1)(3 2)",
    ),
    (
        "an answer without references joins by its subject",
        [letter(1, subject="s"), letter(2, subject="s", reply=True)],
        "(1 2)",
    ),
    ("equals of one subject stand side by side", [letter(1, subject="s"), letter(2, subject="s")], "((1)(2))"),
    (
        "the original is found behind its answers",
        [letter(1, subject="s", reply=True), letter(2, subject="s", reply=True), letter(3, subject="s", sent=9)],
        "(3 (1)(2))",
    ),
    (
        "a missing root takes its subject's threads in",
        [letter(1, "gone", subject="s"), letter(2, "gone", subject="s"), letter(3, subject="s", reply=True)],
        "((1)(2)(3))",
    ),
    (
        "two missing roots of one subject are one",
        [letter(n, f"gone{n // 3}", subject="s") for n in (1, 2, 3, 4)],
        "((1)(2)(3)(4))",
    ),
    ("no subject joins nothing", [letter(1), letter(2)], "(1)(2)"),
    (
        "siblings by date, ties by number",
        [letter(1), *(letter(n, "1", sent=9 - n // 4) for n in range(2, 6))],
        "(1 (4)(5)(2)(3))",
    ),
    ("threads by date", [letter(1, sent=9), letter(2, sent=3), letter(3, sent=5)], "(2)(3)(1)"),
    (
        "a missing root goes by its first child",
        [letter(1, sent=5), letter(2, "g", sent=9), letter(3, "g", sent=4)],
        "((3)(2))(1)",
    ),
]


@pytest.mark.parametrize(("letters", "wanted"), [pytest.param(*rest, id=name) for name, *rest in PUZZLES])
def test_references(letters: list[Letter], wanted: str) -> None:
    assert answer(Algorithm.REFERENCES, letters) == wanted


def test_refs_ignores_subjects_and_puts_the_thread_of_the_latest_arrival_last() -> None:
    letters = [
        letter(1, subject="s", arrived=10),
        letter(2, subject="s", arrived=30, sent=5),
        letter(3, "1", arrived=40, sent=1),
        letter(4, "1", arrived=20, sent=2),
    ]
    assert answer(Algorithm.REFS, letters) == "(2)(1 (3)(4))"


def test_ordered_subject_has_no_grandchildren() -> None:
    letters = [
        letter(1, subject="a", sent=9),
        letter(2, subject="b", sent=2),
        letter(3, "1", subject="a", sent=3),
        letter(4, subject="a", sent=5),
        letter(5, subject="c", sent=1),
        letter(6, subject="b", sent=2),
    ]
    assert answer(Algorithm.ORDEREDSUBJECT, letters) == "(5)(2 6)(3 (4)(1))"


# --- the same told plainly, RFC 5256 §3 -------------------------------------------------------------------------


@dataclass(eq=False)
class Node:
    letter: Letter | None = None
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)

    @property
    def date(self) -> tuple[int, int]:
        if self.letter is None:
            return min(child.date for child in self.children)
        return self.letter.sent, self.letter.uid

    @property
    def subject(self) -> Letter:
        return self.letter or next(iter(sorted(self.children, key=lambda child: child.date))).subject

    def descends_from(self, other: "Node") -> bool:
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    def join(self, parent: "Node | None") -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)


def plainly(letters: list[Letter], *, subjects: bool) -> list[Tree]:
    nodes: dict[str, Node] = {}
    everyone: list[Node] = []
    names = [each.message_id for each in letters]
    own = []
    for place, each in enumerate(letters):
        node = Node(each)
        everyone.append(node)
        own.append(node)
        if each.message_id and names.index(each.message_id) == place:
            nodes[each.message_id] = node
    for node in own:
        assert node.letter is not None
        previous: Node | None = None
        for name in node.letter.references:
            if name not in nodes:
                nodes[name] = Node()
                everyone.append(nodes[name])
            reference = nodes[name]
            if previous is not None and reference.parent is None and not previous.descends_from(reference):
                reference.join(previous)
            previous = reference
        if node.parent is not previous:
            node.join(None)
            if previous is not None and not previous.descends_from(node):
                node.join(previous)
    root = Node()
    for node in everyone:
        if node.parent is None:
            node.join(root)
    pruned = True
    while pruned:
        pruned = False
        for node in everyone:
            if node.letter is not None or node.parent is None:
                continue
            if node.parent is root and len(node.children) > 1:
                continue
            for child in [*node.children]:
                child.join(node.parent)
            node.join(None)
            pruned = True
    root.children.sort(key=lambda node: node.date)
    if subjects:
        merge(root)
    return sorted_trees(root)


def merge(root: Node) -> None:
    table: dict[str, Node] = {}
    for node in root.children:
        subject = node.subject.subject
        known = table.get(subject)
        if subject and (
            known is None
            or (
                known.letter is not None
                and (node.letter is None or (known.letter.is_reply and not node.letter.is_reply))
            )
        ):
            table[subject] = node
    for node in [*root.children]:
        subject = node.subject.subject
        known = table.get(subject)
        if not subject or known is None or known is node:
            continue
        if known.letter is None and node.letter is None:
            for child in [*node.children]:
                child.join(known)
            node.join(None)
        elif known.letter is None or (node.letter is not None and node.letter.is_reply and not known.letter.is_reply):
            node.join(known)
        else:
            dummy = Node()
            dummy.join(root)
            known.join(dummy)
            node.join(dummy)
            table[subject] = dummy


def sorted_trees(root: Node) -> list[Tree]:
    return [
        (None if node.letter is None else node.letter.uid, tuple(sorted_trees(node)))
        for node in sorted(root.children, key=lambda node: node.date)
    ]


def read(text: str) -> list[Tree]:
    """thread-list back into trees."""
    trees, rest = _lists(text)
    assert rest == ""
    return trees


def _lists(text: str) -> tuple[list[Tree], str]:
    trees: list[Tree] = []
    while text.startswith("("):
        numbers, text = _numbers(text[1:])
        children, text = _lists(text)
        assert text.startswith(")")
        text = text[1:]
        if not numbers:
            assert len(children) > 1
            trees.append((None, tuple(children)))
            continue
        assert len(children) != 1
        tree: Tree = (numbers[-1], tuple(children))
        for number in reversed(numbers[:-1]):
            tree = (number, (tree,))
        trees.append(tree)
    return trees, text


def _numbers(text: str) -> tuple[list[int], str]:
    end = next(place for place, character in enumerate(text) if character in "()")
    return [int(number) for number in text[:end].split()], text[end:]


def mailboxes() -> Iterator[list[Letter]]:
    for seed in range(1500):
        chance = random.Random(seed)
        size = chance.randint(1, 14)
        names = [f"n{number}" for number in range(chance.randint(1, size + 3))]
        yield [
            Letter(
                uid,
                chance.choice(["", *names]),
                tuple(dict.fromkeys(chance.choices(names, k=chance.choice((0, 0, 1, 1, 2, 3, 5))))),
                chance.choice(["", "a", "b", f"s{uid}", f"s{uid}"]),
                chance.random() < 0.5,
                chance.randint(1, 9),
                uid,
            )
            for uid in range(1, size + 1)
        ]


def test_references_is_what_the_rfc_says() -> None:
    for letters in mailboxes():
        assert read(answer(Algorithm.REFERENCES, letters)) == plainly(letters, subjects=True), letters


def test_refs_has_the_same_trees_without_subjects() -> None:
    for letters in mailboxes():
        found = read(answer(Algorithm.REFS, letters))
        assert sorted(found, key=str) == sorted(plainly(letters, subjects=False), key=str), letters
        latest = [max(_uids(tree)) for tree in found]  # they arrive by number
        assert latest == sorted(latest)


def test_every_message_is_in_the_answer_once() -> None:
    for letters in mailboxes():
        for algorithm in Algorithm:
            assert sorted(thread(algorithm, letters).uids) == [each.uid for each in letters]


def _uids(tree: Tree) -> Iterator[int]:
    if tree[0] is not None:
        yield tree[0]
    for child in tree[1]:
        yield from _uids(child)


# --- bounds ------------------------------------------------------------------------------------------------------


def chain(size: int) -> list[Letter]:
    return [letter(number, *([f"{number - 1}"] if number > 1 else ())) for number in range(1, size + 1)]


def renumbered(letters: list[Letter]) -> list[Letter]:
    return [each._replace(uid=place) for place, each in enumerate(letters, 1)]


def shuffled(size: int) -> list[Letter]:
    letters = chain(size)
    random.Random(size).shuffle(letters)
    return renumbered(letters)


@pytest.mark.parametrize("make", [chain, lambda size: renumbered(chain(size)[::-1]), shuffled])
def test_a_chain_of_any_length_is_read_in_linear_time(make: "object") -> None:
    def work(size: int) -> object:
        letters = make(size)  # type: ignore[operator]
        return lambda: [thread(algorithm, letters) for algorithm in Algorithm]

    assert is_linear(work, 5_000)  # type: ignore[arg-type]


def test_a_comb_is_answered_without_recursion() -> None:
    letters = [letter(1)]
    for number in range(2, 20_001):
        letters.append(letter(number, f"{max(number - 2, 1)}"))
    assert len(thread(Algorithm.REFERENCES, letters).uids) == 20_000


def test_links_that_would_take_too_long_to_check_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """No loop, nobody lost; only the shape is poorer."""
    monkeypatch.setattr(thread_links, "STEPS", 10)
    for letters in mailboxes():
        assert sorted(thread(Algorithm.REFERENCES, letters).uids) == [each.uid for each in letters]
