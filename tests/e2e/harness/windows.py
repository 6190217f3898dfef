"""Judging a strict sliding window from outside: faults that no placing of the admissions can explain.

All that is known of an admission is that it lies between the sending of the request and the end of its
answer. So nothing here depends on how fast the machine is: slowness only makes the judge milder.
"""

from bisect import bisect_left, bisect_right, insort

SLACK = 17 / 16
"""a place comes free at most a sixteenth of a window late"""


class Window:
    """
    What went through one window.

    admitted  arrivals that it let in
    refused   those that it refused
    others    those that may have been counted for an instant: refused by a window behind it
    """

    def __init__(self, limit, seconds, admitted, refused=(), others=()):
        self.limit = limit
        self.seconds = seconds
        self.admitted = admitted
        self.refused = refused
        self._sent = sorted(arrival.sent for arrival in admitted)
        self._received = sorted(arrival.received for arrival in admitted)
        passing = [*refused, *others]
        self._passing_sent = sorted(arrival.sent for arrival in passing)
        self._passing_received = sorted(arrival.received for arrival in passing)

    def too_many(self):
        """Admissions with which limit + 1 lie in less than a window, wherever they are placed."""
        found, ends = [], []
        for arrival in sorted(self.admitted, key=lambda one: one.sent, reverse=True):
            insort(ends, arrival.received)
            if len(ends) > self.limit and ends[self.limit] - arrival.sent < self.seconds:
                found.append(arrival)
        return found

    def most(self, arrival):
        """How many the window can have held when it judged the arrival, itself included."""
        begin = arrival.sent - self.seconds * SLACK
        held = bisect_right(self._sent, arrival.received) - bisect_left(self._received, begin)
        return held + self._passing(arrival)

    def least(self, arrival):
        """How many it must have held when it judged the arrival, itself not included."""
        before = bisect_right(self._received, arrival.sent)
        return max(0, before - bisect_right(self._sent, arrival.received - self.seconds))

    def _passing(self, arrival):
        return bisect_right(self._passing_sent, arrival.received) - bisect_left(self._passing_received, arrival.sent)

    def refused_for_nothing(self):
        """Refusals at which there was room, wherever the admissions are placed."""
        return [one for one in self.refused if self.most(one) - 1 < self.limit]

    def misreported(self, told):
        """Of the admitted ones that were told of this window: those whose headers can't be right."""
        return [one for one in told
                if one.limit != self.limit or one.remaining is None
                or not self.least(one) < self.limit - one.remaining <= self.most(one)]
