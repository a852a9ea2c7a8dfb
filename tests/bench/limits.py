"""What the machine can do at best, measured in the same run as what we do."""

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

OCTETS = 8192


def durable_files_per_second(folder: Path, threads: int, files: int) -> float:
    """Create, fsync, rename, fsync the directory: 8 kB files, this many threads."""
    root = Path(tempfile.mkdtemp(dir=folder))
    (root / "tmp").mkdir()
    (root / "cur").mkdir()
    body = os.urandom(OCTETS)

    def work(thread: int) -> None:
        directory = os.open(root / "cur", os.O_RDONLY)
        for number in range(files // threads):
            name = f"{thread}.{number}"
            fd = os.open(f"{root}/tmp/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            os.write(fd, body)
            os.fsync(fd)
            os.close(fd)
            os.rename(f"{root}/tmp/{name}", f"{root}/cur/{name}")
            os.fsync(directory)
        os.close(directory)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    shutil.rmtree(root)
    return files // threads * threads / seconds
