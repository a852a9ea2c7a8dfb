"""What is known about each recipient of a transaction."""

from dataclasses import dataclass

from mailserver.remote.replies import Meaning, Reply, Stage, meaning


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about one recipient. `meaning`: OK, DEFER or FAIL."""

    meaning: Meaning
    code: int | None
    status: str | None
    text: str
    stage: Stage | None = None  # where the server said it; None: it is our own word

    @property
    def said(self) -> str:
        """All but the code: "5.1.1 No such user"."""
        return " ".join(filter(None, (self.status, self.text)))

    @property
    def is_final(self) -> bool:
        """No other host of the destination is asked."""
        return self.meaning is not Meaning.DEFER or self.stage is None

    @classmethod
    def of(cls, reply: Reply, stage: Stage, *, is_ours: bool) -> "Answer":
        """`LATER` and replies that fit no stage are to be tried later."""
        meant = meaning(reply, stage, is_ours=is_ours)
        if meant is Meaning.LATER or (meant is Meaning.OK and stage not in {Stage.RCPT, Stage.CONTENT}):
            meant = Meaning.DEFER
        return cls(meant, reply.code, reply.status or None, reply.text, stage)


Answers = dict[int, Answer]  # by entry id
