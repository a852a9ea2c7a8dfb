"""What was learnt while a message was carried, and the result for each recipient that follows from it.

A recipient's own answer goes before anything else; then what the hosts said before it came to recipients: as long as
one of them may take the mail later it waits, and only when all of them said never it fails.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mailserver.remote.answers import Answer
from mailserver.remote.consignment import Result, Verdict
from mailserver.remote.replies import Meaning
from mailserver.remote.session import Session
from mailserver.store.attempts import Attempt

MAX_TEXT = 1000  # characters of an attempt's text


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said, for the attempt."""

    host: str | None = None
    address: str | None = None
    tls: str | None = None
    knows_dsn: bool = False

    @classmethod
    def of(cls, session: Session) -> "Place":
        target = session.target
        return cls(target.host, target.address, session.tls_words, session.offered.offers("DSN"))


NOWHERE = Place()


@dataclass(slots=True)
class Findings:
    waiting: set[int]  # entries without a final answer
    answers: dict[int, tuple[Answer, Place]] = field(default_factory=dict)
    trouble: list[tuple[Answer, Place]] = field(default_factory=list)  # hosts that did not come as far as recipients
    closed_until: list[tuple[int, str]] = field(default_factory=list)  # gates: epoch ms and why

    def answered(self, answers: dict[int, Answer], place: Place) -> None:
        for entry_id, answer in answers.items():
            self.answers[entry_id] = answer, place
            if answer.is_final:
                self.waiting.discard(entry_id)

    def failed(self, meaning: Meaning, code: int | None, status: str | None, text: str, place: Place) -> None:
        self.trouble.append((Answer(meaning, code, status, text), place))

    def results(self, entry_ids: Iterable[int], started_at: int, duration_ms: int) -> list[Result]:
        blank = Attempt(started_at, duration_ms)
        return [self._result(entry_id, blank) for entry_id in entry_ids]

    def known(self, started_at: int, duration_ms: int) -> list[Result]:
        """Of recipients the server has taken or refused for good, whatever becomes of the others."""
        sure = [entry_id for entry_id, (answer, _) in self.answers.items() if answer.meaning is not Meaning.DEFER]
        return self.results(sure, started_at, duration_ms)

    def taken(self, started_at: int, duration_ms: int, told: set[int]) -> list[Result]:
        """Of recipients a server has taken; those in `told` are known already, the others are put there."""
        new = [entry_id for entry_id, (answer, _) in self.answers.items() if answer.meaning is Meaning.OK]
        new = [entry_id for entry_id in new if entry_id not in told]
        told.update(new)
        return self.results(new, started_at, duration_ms)

    def _result(self, entry_id: int, blank: Attempt) -> Result:
        found = self.answers.get(entry_id) or self._of_hosts()
        if found is None:
            until, why = min(self.closed_until, default=(None, ""))
            return Result(entry_id, Verdict.NOT_TRIED, None, until, why)
        answer, place = found
        attempt = replace(
            blank,
            host=place.host,
            address=place.address,
            tls=place.tls,
            code=answer.code,
            status=answer.status,
            text=answer.text[:MAX_TEXT],
        )
        return Result(entry_id, _verdict(answer, place), attempt)

    def _of_hosts(self) -> tuple[Answer, Place] | None:
        """The last one that leaves hope, with what the others said; a final word only where all said it."""
        if not self.trouble:
            return None
        hopeful = [found for found in self.trouble if found[0].meaning is Meaning.DEFER]
        if self.closed_until and not hopeful:
            return None  # a host that was not asked may take it
        answer, place = (hopeful or self.trouble)[-1]
        others = [_said(other, where) for other, where in self.trouble if (other, where) != (answer, place)]
        return replace(answer, text="; before: ".join([answer.text, *others[-3:]])), place


def _said(answer: Answer, place: Place) -> str:
    at = f"{place.host} [{place.address}]" if place.address else place.host or ""
    return ": ".join(filter(None, (at, " ".join(filter(None, (str(answer.code or ""), answer.text))))))


def _verdict(answer: Answer, place: Place) -> Verdict:
    if answer.meaning is Meaning.OK:
        return Verdict.DELIVERED if place.knows_dsn else Verdict.RELAYED
    return Verdict.FAILED if answer.meaning is Meaning.FAIL else Verdict.DEFERRED
