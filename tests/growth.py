"""How work grows with its input: CPU time of the double against the single, so that no test looks at a clock."""

import time
from collections.abc import Callable

GROWTH = 3.0  # twice the input may take this many times as long; quadratic work takes four times
FLOOR = 0.2  # seconds for the double size; below, growth is noise
RUNS = 3
ATTEMPTS = 4  # a busy machine makes CPU time swing as well; what is quadratic fails every time


def is_linear(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """`work(n)` prepares an input of n units and returns what is to be measured."""
    for _ in range(ATTEMPTS):
        once, twice = best_time(work(size)), best_time(work(2 * size))
        if twice < FLOOR or twice < GROWTH * once:
            return True
    return False


def best_time(work: Callable[[], object]) -> float:
    """CPU seconds of the best of a few runs: what others do on the machine only adds."""
    times = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
        if times[-1] < FLOOR / 4:
            break
    return min(times)
