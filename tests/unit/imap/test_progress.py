"""What INPROGRESS says: only what is known, and never that more is done than there is. RFC 9585 §4."""

from mailserver.imap.progress import Progress


def test_counts_of_one_part_of_work() -> None:
    progress = Progress()
    assert progress.wire(b"a1") == b'("a1" NIL NIL)'
    progress.at(50, 200)
    assert progress.wire(b"a1") == b'("a1" 50 200)'
    progress.at(200, 200)
    assert progress.wire(b"a1") == b'("a1" 200 NIL)'  # done is to be less than the goal


def test_counts_of_several_parts_go_on() -> None:
    progress = Progress()
    progress.at(200, 200)
    progress.at(10, 40)
    assert progress.wire(b"a") == b'("a" 210 NIL)'
    progress.at(10, 40)
    assert progress.wire(b"a") == b'("a" 210 NIL)'
    progress.at(5, 40)  # a third part of the same size
    assert progress.wire(b"a") == b'("a" 215 NIL)'


def test_a_tag_that_would_end_the_code_is_not_repeated() -> None:
    assert Progress().wire(b"a]1") == b"(NIL NIL NIL)"
