"""`mailserver index` without a server; tests/e2e/test_search_index.py has one running."""

import json
from pathlib import Path

from tests.service.cli.conftest import Run


def test_an_index_is_made_told_of_and_verified(cli: Run, ann: str, data: Path) -> None:
    assert cli("index", "status").code == 1
    missing = cli("index", "verify")
    assert (missing.code, missing.out) == (1, "")
    expected = "The search index can not be used: there is none; 'mailserver index rebuild' makes it anew"
    assert missing.err == f"mailserver: {expected}\n"

    for number in range(3):
        cli("deliver", "--to", ann, stdin=b"Subject: letter %d\n\nthe report\n" % number)
    assert cli("index", "rebuild").out == "The index is made anew\n"
    status = json.loads(cli("index", "status", "--json").out)
    assert (status["indexed"], status["behind"], status["unsure"]) == (3, 0, 0)
    assert status["octets"] >= (data / "search.db").stat().st_size > 0
    cli("deliver", "--to", ann, stdin=b"Subject: late\n\nfor now\n")
    right = cli("index", "verify", "--all")
    assert (right.code, right.out) == (0, "The index is right: 3 of 3 messages compared, 1 not in it yet\n")
    assert json.loads(cli("index", "verify", "--json").out)["compared"] == 3
    assert [path.name for path in data.glob("search*")] == ["search.db"]


def test_a_wrong_index_is_told_line_by_line(cli: Run, ann: str, data: Path) -> None:
    cli("deliver", "--to", ann, stdin=b"Subject: letter\n\nthe report\n")
    cli("index", "rebuild")
    [file] = (data / "mail/example.test/ann/cur").iterdir()
    file.write_bytes(file.read_bytes().replace(b"report", b"secret"))
    wrong = cli("index", "verify")
    assert wrong.code == 1
    assert wrong.out == "message 1 has another text\n1 faults; 'mailserver index rebuild' makes it anew\n"
    assert json.loads(cli("index", "verify", "--json").out)["faults"] == ["message 1 has another text"]
    cli("index", "rebuild")
    assert cli("index", "verify").code == 0
