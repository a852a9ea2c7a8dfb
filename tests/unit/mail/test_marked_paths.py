"""Reverse-paths that name a row: what they look like, that they lead back, and that nobody else can make them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.marked_paths import DAY_SECONDS, MAX_LOCAL_OCTETS, BadMark, Mark, Marks, is_marked

MARKS = Marks(b"k" * 32, max_days=21)
OTHER = Marks(b"o" * 32, max_days=21)
NOW = 1_772_366_400
ANN = "ann@example.org"


def marked(sender: str = ANN, row: int = 4711, epoch: int = NOW, marks: Marks = MARKS) -> str:
    path = marks.marked(sender, row, epoch)
    assert path is not None
    return path


def test_it_leads_back_to_sender_and_row_in_the_senders_own_domain() -> None:
    path = marked()
    assert path.startswith("ref=") and path.endswith("=ann@example.org")
    assert MARKS.read(path, NOW) == Mark(ANN, 4711)


def test_it_is_the_same_at_each_attempt_and_another_for_each_row() -> None:
    assert marked() == marked()
    assert len({marked(row=row) for row in range(100)}) == 100


@pytest.mark.parametrize("days", [-400, -1, 0, 21])
def test_it_holds_from_before_its_day_to_some_days_after(days: int) -> None:
    assert MARKS.read(marked(), NOW + days * DAY_SECONDS).row == 4711


@pytest.mark.parametrize("days", [22, 400, 16_000])
def test_it_is_refused_afterwards(days: int) -> None:
    with pytest.raises(BadMark, match="older than 21 days"):
        MARKS.read(marked(), NOW + days * DAY_SECONDS)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("ann@", "eve@"),
        lambda path: path.replace("example.org", "example.net"),
        lambda path: "ref=aaaaaaaa" + path[12:],
        lambda path: path[:14] + ("b" if path[14] == "a" else "a") + path[15:],  # another day
        lambda path: path.replace("=ann", "q=ann"),  # another row
        lambda path: path.replace("=ann", ""),
        lambda path: "ref=@example.org",
        lambda path: ANN,
    ],
)
def test_nobody_else_can_make_one(change: object) -> None:
    assert callable(change)
    with pytest.raises(BadMark):
        MARKS.read(change(marked()), NOW)
    with pytest.raises(BadMark, match="not signed by this server"):
        OTHER.read(marked(), NOW)


def test_servers_that_change_case_or_write_a_labels_break_nothing() -> None:
    path = marked("Ann.Lee@Bücher.example")
    for changed in (path.lower(), path.upper(), path.replace("Bücher", "xn--bcher-kva")):
        assert is_marked(changed)
        assert MARKS.read(changed, NOW).row == 4711


@pytest.mark.parametrize("sender", ["a" * 64 + "@example.org", '"a b"@example.org'])
def test_what_does_not_fit_is_not_cut(sender: str) -> None:
    assert MARKS.marked(sender, 1, NOW) is None


LOCALS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,50}(\.[A-Za-z0-9=+-]{1,10})?", fullmatch=True)


@given(LOCALS, st.integers(0, 2**63), st.integers(0, 2**34), st.integers(0, 21))
def test_every_sender_that_fits_leads_back(local: str, row: int, epoch: int, days: int) -> None:
    path = MARKS.marked(f"{local}@example.org", row, epoch)
    if path is None:
        return
    assert len(path.partition("@")[0]) <= MAX_LOCAL_OCTETS
    assert MARKS.read(path, epoch + days * DAY_SECONDS) == Mark(f"{local}@example.org", row)


@given(st.text(max_size=100))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for address in (text, f"ref={text}", f"ref=aaaaaaaaaaab={text}@example.org"):
        with pytest.raises(BadMark):
            MARKS.read(address, NOW)
