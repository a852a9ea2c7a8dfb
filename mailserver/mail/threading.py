"""Conversations out of a set of messages: the threading algorithms. RFC 5256 §3, draft-ietf-morg-inthread §4.

Strangers decide what References say: nothing here recurses.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from mailserver.mail.sorting import stable_sorted
from mailserver.mail.thread_links import NOBODY, Links


class Letter(NamedTuple):
    """What is asked of a message."""

    uid: int
    message_id: str  # "" where there is none
    references: tuple[str, ...]  # oldest first; In-Reply-To where References has none
    subject: str  # base subject, folded for comparison
    is_reply: bool  # the subject said "Re:", "Fwd:" or "(fwd)"
    sent: int  # Date field, else internal date, epoch seconds
    arrived: int  # internal date, epoch seconds


class Threads(NamedTuple):
    """A rendered answer: `template` % the numbers of `uids`. Kept as long as the same messages are asked for."""

    template: bytes
    uids: tuple[int, ...]


class Algorithm(Enum):
    """The value is the name on the wire."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"
    REFS = "REFS"


def thread(algorithm: Algorithm, letters: Sequence[Letter]) -> Threads:
    """`letters` ascending by uid."""
    return _ALGORITHMS[algorithm](letters)


def _ordered_subject(letters: Sequence[Letter]) -> Threads:
    """By base subject; the first of each is the parent of all others, RFC 5256 §3."""
    forest = _Forest(letters)
    first: dict[str, int] = {}
    for node in forest.by_date(range(len(letters))):
        parent = first.setdefault(letters[node].subject, node)
        if parent != node:
            forest.parents[node] = parent
    forest.gather()
    return forest.rendered(forest.by_date(forest.roots))


def _references(letters: Sequence[Letter]) -> Threads:
    forest = _linked(letters)
    forest.roots = forest.by_date(forest.roots)
    _merge_subjects(forest)
    return forest.rendered(forest.by_date(forest.roots))


def _refs(letters: Sequence[Letter]) -> Threads:
    """References without subjects; the thread with the latest arrival comes last."""
    forest = _linked(letters)
    latest = {root: max(letters[node].arrived for node in forest.members(root)) for root in forest.roots}
    return forest.rendered(sorted(forest.roots, key=lambda root: (latest[root], forest.eldest(root))))


def _linked(letters: Sequence[Letter]) -> "_Forest":
    """Steps 1 to 3."""
    forest = _Forest(letters)
    links = Links(forest.parents)
    named = _named(letters)
    for node, letter in enumerate(letters):
        previous = NOBODY
        for name in letter.references:
            reference = named.get(name, NOBODY)
            if reference == NOBODY:
                reference = named[name] = forest.add_dummy()
            if previous != NOBODY and forest.parents[reference] == NOBODY:
                links.link(previous, reference)
            previous = reference
        links.replace(previous, node)
    forest.gather()
    return forest


def _named(letters: Sequence[Letter]) -> dict[str, int]:
    """Of several messages with one id the first has it, RFC 5256 §3."""
    named: dict[str, int] = {}
    for node, letter in enumerate(letters):
        if letter.message_id:
            named.setdefault(letter.message_id, node)
    return named


class _Forest:
    """Nodes by number: first the letters, then dummies, which stand for messages that are not here."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self.parents = [NOBODY] * len(letters)
        self.children: dict[int, list[int]] = {}
        self.roots: list[int] = []

    def add_dummy(self) -> int:
        self.parents.append(NOBODY)
        return len(self.parents) - 1

    def is_dummy(self, node: int) -> bool:
        return node >= len(self.letters)

    # ---- steps 2 and 3 ----

    def gather(self) -> None:
        """Roots and children. A dummy stays only at the top, and only above several."""
        anchors = self._anchors()
        for node in range(len(self.letters)):
            anchor = anchors[node]
            if anchor == NOBODY:
                self.roots.append(node)
            else:
                self.children.setdefault(anchor, []).append(node)
        for dummy in range(len(self.letters), len(self.parents)):
            children = self.children.get(dummy, ())
            if len(children) == 1:
                self.roots += self.children.pop(dummy)
            elif children:
                self.roots.append(dummy)

    def _anchors(self) -> list[int]:
        """The parent of each node when the dummies below the top are taken out."""
        anchors = self.parents[:]
        for dummy in range(len(self.letters), len(self.parents)):
            path, above = [], dummy
            while self.is_dummy(above) and anchors[above] != NOBODY:
                path.append(above)
                above = anchors[above]
            for each in path:
                anchors[each] = above
        for node in range(len(self.letters)):
            above = anchors[node]
            if above != NOBODY and self.is_dummy(above) and anchors[above] != NOBODY:
                anchors[node] = anchors[above]
        return anchors

    # ---- order ----

    def eldest(self, node: int) -> int:
        """The node itself, of a dummy its first child by date."""
        if not self.is_dummy(node):
            return node
        return min(self.children[node], key=self._date)

    def by_date(self, nodes: Iterable[int]) -> list[int]:
        """Sent date, ties by number; a dummy goes by its first child."""
        dates = {node: self._date(self.eldest(node)) for node in nodes}
        return stable_sorted([*dates], dates.__getitem__)

    def _date(self, node: int) -> tuple[int, int]:
        return self.letters[node].sent, node

    def members(self, root: int) -> list[int]:
        """The letters below and at this root."""
        found = [root]
        for node in found:
            found += self.children.get(node, ())
        return found[1:] if self.is_dummy(root) else found

    # ---- the answer ----

    def rendered(self, roots: Sequence[int]) -> Threads:
        """thread-list = "(" (thread-members / thread-nested) ")", RFC 5256 §5; siblings by date, step 6."""
        pieces: list[bytes] = []
        uids: list[int] = []
        ahead: list[int] = [*reversed(roots)]
        while ahead:
            node = ahead.pop()
            if node == NOBODY:
                pieces.append(b")")
                continue
            pieces.append(b"(")
            children = self._chain(node, pieces, uids)
            ahead.append(NOBODY)
            ahead += reversed(children)
        return Threads(b"".join(pieces), tuple(uids))

    def _chain(self, node: int, pieces: list[bytes], uids: list[int]) -> list[int]:
        """A node and its only child and its only child …; returns the children where it branches."""
        separator = b""
        while True:
            if not self.is_dummy(node):
                pieces.append(separator + b"%d")
                uids.append(self.letters[node].uid)
                separator = b" "
            children = self.children.get(node, [])
            if len(children) != 1:
                pieces.append(separator if children else b"")
                return self.by_date(children) if children else []
            [node] = children


def _merge_subjects(forest: _Forest) -> None:
    """Step 5: threads of one subject become one."""
    letters = forest.letters
    subjects = {root: letters[forest.eldest(root)].subject for root in forest.roots}
    table: dict[str, int] = {}
    for root in forest.roots:
        known = table.get(subjects[root], NOBODY)
        if subjects[root] and (known == NOBODY or _stands_better(forest, root, known)):
            table[subjects[root]] = root
    gone: set[int] = set()
    for root in [*forest.roots]:
        known = table.get(subjects[root], root)
        if known == root:
            continue
        gone.add(root)
        if forest.is_dummy(root):  # so is the known one, or this would stand in the table
            forest.children[known] += forest.children.pop(root)
        elif forest.is_dummy(known) or (letters[root].is_reply and not letters[known].is_reply):
            forest.children.setdefault(known, []).append(root)
        else:
            gone.add(known)
            dummy = table[subjects[root]] = forest.add_dummy()
            forest.children[dummy] = [known, root]
            forest.roots.append(dummy)
    forest.roots = [root for root in forest.roots if root not in gone]


def _stands_better(forest: _Forest, root: int, known: int) -> bool:
    """Step 5.B: a dummy, or the original rather than an answer to it."""
    if forest.is_dummy(known):
        return False
    if forest.is_dummy(root):
        return True
    return forest.letters[known].is_reply and not forest.letters[root].is_reply


_ALGORITHMS: dict[Algorithm, Callable[[Sequence[Letter]], Threads]] = {
    Algorithm.ORDEREDSUBJECT: _ordered_subject,
    Algorithm.REFERENCES: _references,
    Algorithm.REFS: _refs,
}
