"""Imports that a server does without."""

import sys


def import_structlog() -> None:
    """Without rich and pygments, which structlog takes where it finds them, for tracebacks in colour.

    They are 8 MB and a third of the time to start, and a log has no colours.
    """
    if "rich" in sys.modules or "structlog" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment] # the documented way to make an import fail
    try:
        import structlog.dev  # noqa: F401
    finally:
        del sys.modules["rich"]
