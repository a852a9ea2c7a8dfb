"""Parameters of SELECT and EXAMINE. RFC 4466 §2.1, RFC 7162 §3.1.8."""

from dataclasses import dataclass

from mailserver.imap.wire.reader import BadSyntax, Reader


@dataclass(frozen=True, slots=True)
class SelectParameters:
    condstore: bool = False  # enables CONDSTORE for the connection


def parse(r: Reader) -> SelectParameters:
    """[SP "(" select-param *(SP select-param) ")"]"""
    names = r.parenthesised(r.word) if r.accept(b" ") else []
    if len(set(names)) < len(names) or not set(names) <= _FIELDS.keys():
        raise BadSyntax("Unknown or repeated SELECT parameter")
    return SelectParameters(**{_FIELDS[name]: True for name in names})


_FIELDS = {"CONDSTORE": "condstore"}
