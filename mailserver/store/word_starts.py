"""Words that begin with what somebody typed, in search texts: folded lines with a line feed before each."""

from collections.abc import Iterable

STARTS = ("\n", " ", ";", "-", ".", "@", "_", "+", "(", ",")  # what stands before a word


def condition(words: Iterable[str]) -> tuple[str, list[str]]:
    """(SQL on the column search_text, beginning with AND; its parameters). The folded words all begin a word."""
    sql, params = "", list[str]()
    starts = " OR ".join(["instr(search_text, ?)"] * len(STARTS))
    for word in words:
        sql += f" AND instr(search_text, ?) AND ({starts})"  # the first alone rules out most
        params += [word, *(start + word for start in STARTS)]
    return sql, params


def holds(search_text: str, words: Iterable[str]) -> bool:
    """The same for one text."""
    return all(word in search_text and any(start + word in search_text for start in STARTS) for word in words)
