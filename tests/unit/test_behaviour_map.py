"""docs/imap-behaviours.md names scenes and tests that exist, so that it can be believed."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
MAP = TESTS.parent / "docs" / "imap-behaviours.md"
_SCENE = r"(?P<file>[\w/]+\.txt): (?P<scene>[^|]+?)"
_TEST = r"(?P<path>tests/[\w/.]+)(?:::(?P<test>\w+))?"
_PROOF = re.compile(rf"`(?:{_SCENE}|{_TEST})`(?=<br>| \|)")
_ROW = re.compile(r"\| (?P<promise>.+?) \| (?P<proof>.+) \|")


def rows() -> list[tuple[str, str]]:
    found = [_ROW.fullmatch(line) for line in MAP.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [(row["promise"], row["proof"]) for row in found if row and row["promise"] not in {"behaviour", "---"}]


def is_there(proof: re.Match[str]) -> bool:
    if proof["file"]:
        name = proof["file"] if "/" in proof["file"] else f"imap/{proof['file']}"
        return f"\n== {proof['scene']}\n" in (TESTS / "dialogues" / name).read_text("utf-8")
    text = (TESTS.parent / proof["path"]).read_text("utf-8")
    return proof["test"] is None or f"def {proof['test']}(" in text


def test_every_promise_has_a_proof_that_exists() -> None:
    assert len(rows()) > 50
    for promise, proof in rows():
        proofs = [*_PROOF.finditer(f"{proof} |")]
        assert len(proofs) == proof.count("<br>") + 1, promise
        for each in proofs:
            assert is_there(each), f"{promise}: {each[0]}"
