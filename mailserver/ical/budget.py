"""How much of a stranger's rule is looked at for one question."""

MAX_STEPS = 100_000  # days and times looked at; some 50 ms


class BudgetSpent(Exception):  # noqa: N818 - a finding
    """The rule would need more looking at than a question is worth."""


class Budget:
    """How much may still be looked at."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise BudgetSpent
