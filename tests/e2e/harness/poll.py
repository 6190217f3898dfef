"""Waiting: look again until it is so, or fail at the deadline. The only place that sleeps."""

import time

DEADLINE = 20.0
_STEP = 0.01


def until(what, condition, deadline=DEADLINE):
    """The value of condition() as soon as it is true; fails naming `what`, and the last value."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in {deadline:g} s: {what} (last: {value!r})")
        time.sleep(_STEP)
    return value


def settled(what, measure, times=25, deadline=DEADLINE):
    """The value of measure() once it has been the same for so many looks in a row."""
    seen = []

    def same():
        seen.append(measure())
        return seen[-times:] == [seen[-1]] * times

    until(f"{what} stays the same", same, deadline)
    return seen[-1]
