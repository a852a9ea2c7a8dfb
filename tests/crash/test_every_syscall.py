"""A kill before every single system call that changes the disk: what is found afterwards is all of the change or none.

One run under strace writes down which calls a change makes, in which thread. Then it is made once for each of them on
a copy of the same data, and strace kills the process as it enters that call. The next start must find what was there
before or what is there after the whole change; after it, if it was acknowledged. In the same way each call fails once
instead: the change is refused and can be made again, or it is done. `make test` takes some changes and of many equal
calls in a row three, `make soak` everything.
"""

import contextlib
import itertools
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mailserver.store import fsck, queue_claim
from tests.crash.changes import CHANGES, FARTHER, SENT, State, furnish, opened, seen
from tests.daemon import wait_until

SEND = "send"
QUICK = ("deliver", "append", "move", "give", "store", "multiappend", "replace", "put")  # in make test
CALLS = (
    *("openat", "write", "pwrite64", "writev", "pwritev", "copy_file_range", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "sync_file_range", "msync"),
    *(
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "unlink",
        "unlinkat",
        "mkdir",
        "mkdirat",
        "rmdir",
    ),
)
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")


@dataclass(frozen=True, slots=True)
class Point:
    thread: int  # place in the child's list of threads
    call: str
    nth: int  # of this call in this thread, from 1


Choice = Callable[[list[Point]], list[Point]]


class Makers:
    """tests.crash.one_change, running."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def begin(self, change: str, data: Path) -> list[int]:
        """Returns the waiting child's process id and its threads."""
        self._say(f"{change} {data}")
        word, *numbers = self._hear().split()
        assert word == "ready", word
        return [int(number) for number in numbers]

    def end(self) -> list[str]:
        """Let it run; what it said of the change before it was gone: "sent", "refused", "done"."""
        self._say("go")
        return list(iter(self._hear, "ended"))

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()


@pytest.fixture(scope="module")
def makers() -> Iterator[Makers]:
    command = [sys.executable, "-m", "tests.crash.one_change"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Makers(process)


@contextlib.contextmanager
def traced(thread: int, *options: str, follow: bool = False) -> Iterator[None]:
    """strace attached to one thread, or to all of its process."""
    command = ["strace", "--quiet=all", *(["-f"] if follow else []), "-p", str(thread), *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        wait_until(lambda: "TracerPid:\t0" not in Path(f"/proc/{thread}/status").read_text())
        yield
        if strace.poll() is None:
            strace.send_signal(signal.SIGINT)


def calls_of(makers: Makers, change: str, data: Path, log: Path) -> list[Point]:
    """Make the change to its end; the calls it made, in order."""
    process, *threads = makers.begin(change, data)
    with traced(process, "-e", f"trace={','.join(CALLS)}", "-o", str(log), follow=True):
        assert makers.end()[-1:] == ["done"]
    points, counts = list[Point](), Counter[tuple[int, str]]()
    for line in log.read_text().splitlines():
        if (found := _CALL.match(line)) is None:
            continue
        thread, call, arguments = int(found[1]), found[2], found[3]
        counts[thread, call] += 1
        changes_disk = call != "openat" or "O_CREAT" in arguments
        if changes_disk and not arguments.startswith("1, "):  # what it says to us is no change
            points.append(Point(threads.index(thread), call, counts[thread, call]))
    return points


async def state_of(data: Path) -> State:
    """What the next start finds, and that nothing is amiss."""
    async with await opened(data, serving=True) as store:
        assert await fsck.check(store, alone=True) == []
        return await seen(store)


@pytest.mark.parametrize("change", QUICK)
async def test_a_kill_before_any_call_leaves_all_or_nothing(makers: Makers, change: str, tmp_path: Path) -> None:
    await kill_everywhere(makers, change, tmp_path, thinned)


@pytest.mark.parametrize("change", ["deliver-large", "move", "put"])
async def test_a_failure_of_any_call_is_refused_or_made_good(makers: Makers, change: str, tmp_path: Path) -> None:
    await fail_everywhere(makers, change, tmp_path, thinned)


@pytest.mark.soak
@pytest.mark.parametrize("change", [change for change in CHANGES if change != SEND])
async def test_a_kill_before_every_call_leaves_all_or_nothing(makers: Makers, change: str, tmp_path: Path) -> None:
    await kill_everywhere(makers, change, tmp_path, list)


@pytest.mark.soak
@pytest.mark.parametrize("change", [change for change in CHANGES if change != SEND])
async def test_a_failure_of_every_call_is_refused_or_made_good(makers: Makers, change: str, tmp_path: Path) -> None:
    await fail_everywhere(makers, change, tmp_path, list)


async def test_a_kill_before_any_call_of_a_queue_attempt_sends_twice_only_in_doubt(
    makers: Makers, tmp_path: Path
) -> None:
    await kill_in_attempt(makers, tmp_path, thinned)


async def test_a_failure_of_any_call_of_a_queue_attempt_sends_once(makers: Makers, tmp_path: Path) -> None:
    await fail_in_attempt(makers, tmp_path, thinned)


@pytest.mark.soak
async def test_a_kill_before_every_call_of_a_queue_attempt_sends_twice_only_in_doubt(
    makers: Makers, tmp_path: Path
) -> None:
    await kill_in_attempt(makers, tmp_path, list)


@pytest.mark.soak
async def test_a_failure_of_every_call_of_a_queue_attempt_sends_once(makers: Makers, tmp_path: Path) -> None:
    await fail_in_attempt(makers, tmp_path, list)


async def kill_in_attempt(makers: Makers, folder: Path, choose: Choice) -> None:
    """Never claimed, in doubt, or done; what the other side has is never as if it had not been claimed."""
    points, before, after = await rehearse(makers, SEND, folder)
    doubtful = in_doubt(before)
    outcomes: Counter[str] = Counter()
    for point in choose(points):
        with copied(folder / "before") as data:
            said = run_to(makers, SEND, data, point, "signal=KILL")
            found = await state_of(data)
        assert found in (before, doubtful, after), f"something between, killed before {point}"
        assert found != before or SENT not in said, f"sent again without a doubt, killed before {point}"
        assert found != after or SENT in said, f"written down and never sent, killed before {point}"
        assert found == after or "done" not in said, f"done and sent again, killed before {point}"
        outcomes["undone" if found == before else "in doubt" if found == doubtful else "done"] += 1
    assert set(outcomes) == {"undone", "in doubt", "done"}, outcomes


async def fail_in_attempt(makers: Makers, folder: Path, choose: Choice) -> None:
    """What can not be written is written later, from memory."""
    points, _, after = await rehearse(makers, SEND, folder)
    for point in choose(points):
        with copied(folder / "before") as data:
            said = run_to(makers, SEND, data, point, f"error={'EIO' if 'sync' in point.call else 'ENOSPC'}")
            found = await state_of(data)
        assert said[-1:] == ["done"], f"it does not end after {point} failed"
        assert said.count(SENT) == 1, f"sent again where {point} failed"
        assert found == after, f"not written down, or not once, where {point} failed"


def in_doubt(before: State) -> State:
    """As the next dispatcher finds what was claimed and not written down."""
    [waiting] = before.queued
    assert waiting.recipient == FARTHER
    lost = replace(waiting, attempts=1, in_doubt=1, said=(queue_claim.IN_DOUBT,), logged=1)
    return replace(before, queued=(lost,))


async def kill_everywhere(makers: Makers, change: str, folder: Path, choose: Choice) -> None:
    points, before, after = await rehearse(makers, change, folder)
    outcomes: Counter[str] = Counter()
    for point in choose(points):
        with copied(folder / "before") as data:
            done = "done" in run_to(makers, change, data, point, "signal=KILL")
            found = await state_of(data)
        assert found in (before, after), f"something between, killed before {point}"
        assert found == after or not done, f"acknowledged and lost, killed before {point}"
        outcomes["acknowledged" if done else "finished" if found == after else "undone"] += 1
    assert outcomes["undone"]
    assert outcomes["acknowledged"] + outcomes["finished"]


async def fail_everywhere(makers: Makers, change: str, folder: Path, choose: Choice) -> None:
    points, _, after = await rehearse(makers, change, folder)
    outcomes: Counter[str] = Counter()
    for point in choose(points):
        with copied(folder / "before") as data:
            said = run_to(makers, change, data, point, f"error={'EIO' if 'sync' in point.call else 'ENOSPC'}")
            found = await state_of(data)
        assert said[-1:] == ["done"], f"it does not work again after {point} failed"
        assert found == after, f"acknowledged and lost, or half undone before, where {point} failed"
        outcomes[said[0]] += 1
    assert outcomes["refused"]


async def rehearse(makers: Makers, change: str, folder: Path) -> tuple[list[Point], State, State]:
    """Leaves the data to start from in folder/"before". Returns the calls, what is found before and after."""
    await furnish(folder / "before")
    with copied(folder / "before") as data:
        before = await state_of(data)
    with copied(folder / "before") as data:
        points = calls_of(makers, change, data, folder / "calls")
        after = await state_of(data)
    assert before != after
    return points, before, after


def run_to(makers: Makers, change: str, data: Path, point: Point, fault: str) -> list[str]:
    threads = makers.begin(change, data)[1:]
    inject = f"inject={point.call}:{fault}:when={point.nth}"
    with traced(threads[point.thread], "-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject):
        return makers.end()


@contextlib.contextmanager
def copied(data: Path) -> Iterator[Path]:
    copy = shutil.copytree(data, data.with_name("copy"))
    yield copy
    shutil.rmtree(copy)


def thinned(points: list[Point]) -> list[Point]:
    """The first, the last and one other of equal calls in a row."""
    rows = [list(row) for _, row in itertools.groupby(points, key=lambda point: (point.thread, point.call))]
    return [point for row in rows for point in (row if len(row) <= 3 else [row[0], random.choice(row[1:-1]), row[-1]])]
