"""Coverage-guided fuzzing of the IMAP grammar, outside `make test`: pip install atheris; make fuzz.

Atheris needs a Python it has wheels for; whatever it finds becomes an example in test_imap_commands_fuzz.py.
"""

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["mailserver"]):
    from tests.fuzz.imap_target import take


def one_input(data: bytes) -> None:
    if data:
        take(data[1:], utf8=bool(data[0] & 1), known=bool(data[0] & 2), read=(1, 7, 64, 100_000)[data[0] >> 2 & 3])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
