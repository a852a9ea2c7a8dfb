"""The maps of behaviours name scenes and tests that exist, so that they can be believed."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MAPS = {
    "imap-behaviours.md": 50,
    "outbound-behaviours.md": 50,
    "dav-behaviours.md": 45,
}  # rows at least
_SCENE = r"(?P<file>[\w/]+\.txt): (?P<scene>[^|]+?)"
_TEST = r"(?P<path>tests/[\w/.]+)(?:::(?P<test>\w+))?"
_PROOF = re.compile(rf"`(?:{_SCENE}|{_TEST})`(?=<br>| \|)")
_ROW = re.compile(r"\| (?P<promise>.+?) \| (?P<proof>.+) \|")


def rows(name: str) -> list[tuple[str, str]]:
    lines = (TESTS.parent / "docs" / name).read_text("utf-8").splitlines()
    found = [_ROW.fullmatch(line) for line in lines if line.startswith("| ")]
    return [(row["promise"], row["proof"]) for row in found if row and row["promise"] not in {"behaviour", "---"}]


def is_there(proof: re.Match[str]) -> bool:
    if proof["file"]:
        name = proof["file"] if "/" in proof["file"] else f"imap/{proof['file']}"
        return f"\n== {proof['scene']}\n" in (TESTS / "dialogues" / name).read_text("utf-8")
    text = (TESTS.parent / proof["path"]).read_text("utf-8")
    return proof["test"] is None or f"def {proof['test']}(" in text


@pytest.mark.parametrize("name", MAPS)
def test_every_promise_has_a_proof_that_exists(name: str) -> None:
    assert len(rows(name)) >= MAPS[name]
    for promise, proof in rows(name):
        proofs = [*_PROOF.finditer(f"{proof} |")]
        assert len(proofs) == proof.count("<br>") + 1, promise
        for each in proofs:
            assert is_there(each), f"{promise}: {each[0]}"
