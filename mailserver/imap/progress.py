"""How far a command is that takes its time, as INPROGRESS tells it. RFC 9585 §4."""

from mailserver.imap.wire import writer


class Progress:
    """Counts only grow: where the work turns out to be in several parts, the whole of it is not known."""

    def __init__(self) -> None:
        self._before = 0  # items of the parts that are done
        self._done = 0
        self._goal = 0  # of the running part

    def at(self, done: int, goal: int) -> None:
        if goal != self._goal or done < self._done:
            self._before += self._done
            self._goal = goal
        self._done = done

    def wire(self, tag: bytes) -> bytes:
        """("tag" done goal), NIL for what is not known. A "]" in the tag would end the response code."""
        name = b"NIL" if b"]" in tag else writer.string(tag)
        if not self._goal:
            return b"(%b NIL NIL)" % name
        if self._before or self._done >= self._goal:
            return b"(%b %d NIL)" % (name, self._before + self._done)
        return b"(%b %d %d)" % (name, self._done, self._goal)
