"""`make bench`: what the server reaches on this machine, as text and as JSON (build/bench.json).

Goals are ratios to a limit measured in the same run, or times with room to spare; exit code 1 where one is missed.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import appends, imap, imap_changes, imap_many, limits, peer, search
from tests.clients import SmtpClient
from tests.daemon import Demo, running_demo
from tests.e2e import served

SMTP_OCTETS = 8192
SMTP_MESSAGES = {1: 1000, 8: 4000, 32: 6000}
LIMIT_SHARE = 1 / 3  # of the machine's durable files a second that SMTP with 32 connections must reach
IDLE_RSS_MB = 60
BIG_MESSAGE_OCTETS = 50_000_000
BIG_MESSAGE_RSS_MB = 20

Rows = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        choices=["smtp", "imap", "search", "peer", "memory", "queries", "queue", "outbound", "dav"],
        action="append",
    )
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--scale", type=float, default=1.0, help="size of the databases for the queries")
    wanted = parser.parse_args()
    parts = {
        "memory": memory,
        "smtp": smtp,
        "imap": over_imap,
        "search": search.measure,
        "peer": peer.measure,
        "queries": lambda: queries(wanted.scale),
        "queue": lambda: queue(wanted.scale),
        "outbound": outbound,
        "dav": dav,
    }
    result: dict[str, Rows] = {}
    for name, part in parts.items():
        if not wanted.only or name in wanted.only:
            result[name] = part()
            show(name, result[name])
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n")
    missed = [row["name"] for rows in result.values() for row in rows if row.get("ok") is False]
    print(f"\n{len(missed)} goals missed" + (": " + "; ".join(missed) if missed else ""))
    sys.exit(1 if missed else 0)


def smtp() -> Rows:
    rows: Rows = []
    with tempfile.TemporaryDirectory(dir=".") as folder, running_demo(Path(folder) / "var", "--relaxed") as demo:
        _no_quota(demo)
        limit = limits.durable_files_per_second(Path(folder), threads=8, files=6000)
        rows.append({"name": "limit: durable 8 kB files/s, 8 threads", "per_second": round(limit)})
        for connections, count in SMTP_MESSAGES.items():
            row = {"name": f"SMTP in the mailbox, {connections} connections", **_load(demo, connections, count)}
            row["share_of_limit"] = round(row["per_second"] / limit, 3)
            if connections == 32:
                row |= {"goal_share": round(LIMIT_SHARE, 3), "ok": row["share_of_limit"] >= LIMIT_SHARE}
            rows.append(row)
    return rows


def over_imap() -> Rows:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = Path(folder) / "var"
        with running_demo(data, "--relaxed"):
            pass
        filled = asyncio.run(imap.fill(data))
        rows: Rows = [{"name": "messages written into the store", "per_second": round(filled)}]
        with running_demo(data, "--relaxed", "--plain-auth") as demo:
            rows += imap.measure(demo)
            rows.append(asyncio.run(imap_many.mixed(demo)))
            rows += imap_changes.measure(demo)
            rows.append(asyncio.run(appends.measure(demo)))
        return rows


def memory() -> Rows:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        rows = _at_rest(Path(folder) / "served")
        data = Path(folder) / "var"
        with running_demo(data, "--relaxed", "--plain-auth") as demo:
            rows.append(asyncio.run(_big_message(demo)))
        asyncio.run(imap.fill(data))
        with running_demo(data, "--relaxed", "--plain-auth") as demo:
            rows.append(asyncio.run(imap_many.resident(demo, imap_many.SESSIONS)))
        with running_demo(data, "--relaxed", "--plain-auth") as demo:
            rows.append(asyncio.run(imap_many.idle_tls(demo)))
        return rows


def _at_rest(folder: Path) -> Rows:
    """`mailserver serve` from its start to rest; the demo carries what makes its certificate."""
    folder.mkdir()
    served.furnish(folder)
    with served.served(folder):  # what later starts find
        pass
    started = time.perf_counter()
    with served.served(folder) as server:
        seconds = time.perf_counter() - started
        time.sleep(2)
        status = Path(f"/proc/{server.pid}/status").read_text()
    idle = int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6
    return [
        {"name": "start to ready", "seconds": round(seconds, 2)},
        {"name": "RSS idle", "mb": round(idle, 1), "goal_mb": IDLE_RSS_MB, "ok": idle <= IDLE_RSS_MB},
    ]


def queries(scale: float) -> Rows:
    from tests.bench import queries as part

    return part.main(scale)


def queue(scale: float) -> Rows:
    from tests.bench import queue as part

    return part.measure(round(part.FINISHED * scale))


def outbound() -> Rows:
    from tests.bench import outbound as part

    return part.measure() + part.memory()


def dav() -> Rows:
    from tests.bench import dav as part

    return part.measure()


async def _big_message(demo: Demo) -> dict[str, Any]:
    client = await SmtpClient.connect(demo.port("smtp"))
    await client.send("a@peer.test", [demo.users[0].email], b"Subject: warm\r\n\r\nup\r\n")
    before = peak = demo.rss_octets()
    line = b"x" * 76 + b"\r\n"
    for command in (b"MAIL FROM:<a@peer.test>", f"RCPT TO:<{demo.users[0].email}>".encode(), b"DATA"):
        await client.command(command)
    client.writer.write(b"Subject: big\r\n\r\n")
    for _ in range(BIG_MESSAGE_OCTETS // (len(line) * 1000)):
        client.writer.write(line * 1000)
        await client.writer.drain()
        peak = max(peak, demo.rss_octets())
    client.writer.write(b".\r\n")
    answer = asyncio.create_task(client.reply())
    while not answer.done():
        peak = max(peak, demo.rss_octets())
        await asyncio.sleep(0.005)
    await answer
    grown = (peak - before) / 1e6
    return {
        "name": "RSS growth while a 50 MB message arrives",
        "mb": round(grown, 1),
        "goal_mb": BIG_MESSAGE_RSS_MB,
        "ok": grown <= BIG_MESSAGE_RSS_MB,
    }


def _load(demo: Demo, connections: int, count: int) -> dict[str, Any]:
    arguments = [str(demo.port("smtp")), demo.users[0].email, str(connections), str(count), str(SMTP_OCTETS)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.smtp_load", *arguments], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _no_quota(demo: Demo) -> None:
    command = [
        sys.executable,
        "-m",
        "mailserver",
        "--data",
        str(demo.folder),
        "user",
        "quota",
        demo.users[0].email,
        "0",
    ]
    subprocess.run(command, check=True, capture_output=True)


def show(part: str, rows: Rows) -> None:
    print(f"\n{part}")
    for row in rows:
        facts = "  ".join(f"{key} {value}" for key, value in row.items() if key not in {"name", "ok"})
        mark = {True: "ok  ", False: "MISS", None: "    "}[row.get("ok")]
        print(f"  {mark} {row['name']:<48} {facts}")


if __name__ == "__main__":
    main()
