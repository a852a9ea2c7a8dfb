"""Maildir++ on disk: folders that any other Maildir program can read. https://cr.yp.to/proto/maildir.html

A message's file is `<folder>/cur/<key>:2,<letters>`. The key never changes and is what the database knows; the
letters are a copy of the flags for other programs, brought up to date when there is time. Bytes never change.
Paths are made of our own folder names and keys only; a key that came from outside is checked before it is used.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailserver.store.disk_jobs import Job, LinkFiles, MoveFiles, MoveFolder, RemoveFiles, RemoveFolder, Spool, Unspool

SUBFOLDERS = ("cur", "new", "tmp")
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_KEY_OCTETS = 220

_KEY = re.compile(rf"[^/\x00-\x1f:.][^/\x00-\x1f:]{{0,{MAX_KEY_OCTETS - 1}}}")
_INFO = ":2,"


def is_key(name: str) -> bool:
    """Whether a file name found on disk may serve as a key."""
    return _KEY.fullmatch(name) is not None


def split_name(name: str) -> tuple[str, str]:
    """A file's name as (key, letters)."""
    key, _, letters = name.partition(_INFO)
    return key, letters


def sync_directory(path: Path | str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Maildir:
    """All Maildirs below one root, and the staging and spool folders beside it on the same file system.

    Folders are given relative to the root: "example.test/ann" is a user's INBOX, "example.test/ann/.Sent" below it.
    """

    def __init__(self, data: Path) -> None:
        self.root = data / "mail"
        self.staging = data / "staging"
        self.spool = data / "spool"
        self._root = f"{self.root}/"
        self.catch_up: Callable[[], None] = lambda: None  # waits for work on files that is promised and not done

    def prepare(self) -> None:
        for path in (self.root, self.staging, self.spool):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    # ---- folders ----

    def make_folder(self, folder: str) -> None:
        """Durable when it returns: the row that names a folder comes after it."""
        path = self.root / folder
        made = [path / name for name in SUBFOLDERS]
        if all(sub.is_dir() for sub in made):
            return
        for sub in made:
            sub.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(path)
        for parent in path.parents:
            sync_directory(parent)
            if parent == self.root.parent:
                break

    def has_folder(self, folder: str) -> bool:
        return os.path.isdir(f"{self._root}{folder}/cur")

    def stamp(self, folder: str) -> tuple[int, int]:
        """Changes whenever a file of the folder comes, goes or is renamed; (0, 0) for a folder that is not there."""
        try:
            return os.stat(f"{self._root}{folder}/new").st_mtime_ns, os.stat(f"{self._root}{folder}/cur").st_mtime_ns
        except FileNotFoundError:
            return 0, 0

    def files(self, folder: str) -> Iterator[tuple[str, str]]:
        """(subfolder, name) of every message file, "cur" first; names that start with a dot are not messages."""
        for subfolder in ("cur", "new"):
            try:
                names = os.listdir(f"{self._root}{folder}/{subfolder}")
            except FileNotFoundError:
                continue
            for name in names:
                if not name.startswith("."):
                    yield subfolder, name

    # ---- files ----

    def path(self, folder: str, key: str, letters: str) -> str:
        return f"{self._root}{folder}/cur/{key}{_INFO}{letters}"

    def locate(self, folder: str, key: str, letters: str) -> str | None:
        """Where the file is now: other programs may have renamed it, a crash may have left it in staging."""
        usual = self.path(folder, key, letters)
        if os.path.exists(usual):
            return usual
        self.catch_up()
        if os.path.exists(usual):
            return usual
        for subfolder, name in self.files(folder):
            if split_name(name)[0] == key:
                return f"{self._root}{folder}/{subfolder}/{name}"
        staged = f"{self.staging}/{key}"
        return staged if os.path.exists(staged) else None

    def open(self, folder: str, key: str, letters: str) -> int:
        """A file descriptor for reading. Raises FileNotFoundError."""
        try:
            return os.open(self.path(folder, key, letters), OPEN_FLAGS)
        except FileNotFoundError:
            found = self.locate(folder, key, letters)
            if found is None:
                raise
            return os.open(found, OPEN_FLAGS)

    def finish_delivery(self, key: str, targets: Iterable[tuple[str, str]]) -> None:
        """Show a staged file in each (folder, letters): the last of them by rename, the others by link."""
        *copies, (folder, letters) = targets
        staged = f"{self.staging}/{key}"
        for other, its_letters in copies:
            if not _link(staged, self.path(other, key, its_letters)):
                self.make_folder(other)  # somebody removed it
                _link(staged, self.path(other, key, its_letters))
        if not _rename(staged, self.path(folder, key, letters)):
            self.make_folder(folder)
            os.rename(staged, self.path(folder, key, letters))

    # ---- jobs, each safe to do again ----

    def perform(self, job: Job) -> None:
        match job:
            case LinkFiles():
                for key, letters, new_key, new_letters in job.names:
                    target = self.path(job.target, new_key, new_letters)
                    source = self.path(job.source, key, letters)
                    if not _link(source, target) and self.locate(job.target, new_key, new_letters) is None:
                        _link(self.locate(job.source, key, letters) or source, target)
            case MoveFiles():
                for key, letters in job.names:
                    self._move(job.source, job.target, key, letters)
            case RemoveFiles():
                for key, letters in job.names:
                    self._remove(job.folder, key, letters)
            case MoveFolder():
                self._move_folder(job.source, job.target)
            case RemoveFolder():
                shutil.rmtree(self.root / job.folder, ignore_errors=True)
            case Spool():
                _rename(f"{self.staging}/{job.key}", f"{self.spool}/{job.name}")
            case Unspool():
                (self.spool / job.name).unlink(missing_ok=True)

    def touched(self, job: Job) -> set[Path]:
        """Folders to sync before the job may be forgotten."""
        match job:
            case LinkFiles():
                return {self.root / job.target / "cur"}
            case MoveFiles():
                return {self.root / job.source / "cur", self.root / job.target / "cur"}
            case RemoveFiles():
                return {self.root / job.folder / "cur"}
            case MoveFolder():
                return {(self.root / job.source).parent, (self.root / job.target).parent}
            case RemoveFolder():
                return {(self.root / job.folder).parent}
            case Spool() | Unspool():
                return {self.spool}

    def _move(self, source: str, target: str, key: str, letters: str) -> None:
        if not _rename(self.path(source, key, letters), self.path(target, key, letters)):
            found = self.locate(source, key, letters)
            if found is not None:
                _rename(found, self.path(target, key, letters))

    def _remove(self, folder: str, key: str, letters: str) -> None:
        try:
            os.unlink(self.path(folder, key, letters))
        except FileNotFoundError:
            found = self.locate(folder, key, letters)
            if found is not None:
                os.unlink(found)

    def _move_folder(self, source: str, target: str) -> None:
        old, new = self.root / source, self.root / target
        if not old.exists():
            return
        new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.rename(old, new)
        except OSError as fault:
            if fault.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            # made anew in the meantime, still without a row of its own: its files join
            for subfolder in SUBFOLDERS:
                for name in os.listdir(old / subfolder):
                    os.rename(old / subfolder / name, new / subfolder / name)
            shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> bool:
    """False where the source is missing; a target that is there already is this very link."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return False
    return True


def _rename(source: str, target: str) -> bool:
    try:
        os.rename(source, target)
    except FileNotFoundError:
        return False
    return True
