"""Private keys in files: mode 0600 below data/dkim, durable before a row names them, refused where others may read."""

import contextlib
import os
import stat
from pathlib import Path

from mailserver.errors import BadKey

FOLDER = "dkim"
MAX_OCTETS = 65_536  # more is no key
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def name(domain: str, selector: str) -> str:
    """Below the data folder. Both are host name labels: nothing in them climbs out."""
    return f"{FOLDER}/{domain}/{selector}.pem"


def write(data: Path, file: str, pem: bytes) -> None:
    """In a thread. Raises FileExistsError and other OSErrors; what fails leaves no file."""
    path = data / file
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:  # writes all of it or raises
            opened.write(pem)
            opened.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise
    for folder in (path.parent, path.parent.parent, data):
        _sync(folder)


def read(data: Path, file: str) -> bytes:
    """In a thread. Raises BadKey with what to do."""
    path = data / file
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            if found.st_mode & OTHERS:
                raise BadKey(f"{path}: others may read it; run chmod 600 on it")
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_OCTETS:
                raise BadKey(f"{path}: not a key file")
            return os.read(descriptor, MAX_OCTETS)
        finally:
            os.close(descriptor)
    except OSError as fault:
        reason = os.strerror(fault.errno).lower() if fault.errno else str(fault)
        raise BadKey(f"{path}: {reason}; restore it from a backup, or make a new key") from fault


def remove(data: Path, file: str) -> None:
    """In a thread. Harmless where it is gone."""
    path = data / file
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        _sync(path.parent)


def list_older(data: Path, before: float) -> list[str]:
    """Those written before this moment (epoch seconds), as `name` gives them. In a thread."""
    return [
        str(path.relative_to(data))
        for path in sorted((data / FOLDER).glob("*/*.pem"))
        if path.lstat().st_mtime < before
    ]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
