"""Judges accounts: is what a gatehouse has counted what its clients saw and what the stand-in had sent?

A client that got its whole answer: exactly one request, with the stand-in's numbers. One that did not: at most
one, with one of the cumulative values that the stand-in had sent for it, none smaller than what the client saw.
"""

import json
from dataclasses import astuple
from itertools import product
from operator import add, le

from . import spent
from .spent import Spent

NONE = Spent()
MODEL = "gpt-oss-120b"
WAYS_MOST = 2_000_000


def sent_values(*standins):
    """{request id: every `usage` that the stand-ins had sent for it, in order}"""
    values = {}
    for standin in standins:
        names = {}
        for line in standin.lines():
            if line["event"] == "request":
                names[line["id"]] = next((text for header, text in line["headers"]
                                          if header.lower() == "x-request-id"), None)
            elif line["event"] == "sent" and line["usage"] is not None:
                values.setdefault(names[line["id"]], []).append(line["usage"])
    return values


def allowed(record, values):
    """{what may be counted for one request}, given the values that had been sent for it."""
    if not record.sent or record.status not in (None, 200):
        return {NONE}
    if record.whole:
        return {spent.told(values[-1])}
    least = spent.told(record.seen).completion_tokens
    found = {spent.told(value, cut=True) for value in values}
    found |= {spent.told(values[-1])} if values else set()  # complete here, but not yet at the client
    found.add(spent.told(None, cut=True))
    found = {one for one in found if one.completion_tokens >= least}
    return found | {NONE} if record.status is None else found


def _added(one, other):
    return tuple(map(add, one, other))


def _bounds(choices):
    """[(the least, the most) of what is still to be added, figure by figure], from none of the choices on."""
    bounds = [(astuple(NONE), astuple(NONE))]
    for choice in choices:
        columns = list(zip(*choice))
        bounds.append((_added(bounds[-1][0], map(min, columns)), _added(bounds[-1][1], map(max, columns))))
    return bounds


def is_sum(row, choices):
    """Is the row a sum of one out of each set? Sums that can't come to it any more are let go of on the way."""
    row = astuple(row)
    choices = sorted(([astuple(one) for one in choice] for choice in choices), key=len, reverse=True)
    begun = {astuple(NONE)}
    for least, most in reversed(_bounds(choices)[:-1]):
        begun = {total for before, one in product(begun, choices.pop())
                 if all(map(le, _added(total := _added(before, one), least), row))
                 and all(map(le, row, _added(total, most)))}
        assert len(begun) <= WAYS_MOST, "more ways than can be gone: too many answers were cut for one key"
    return row in begun


def faults(records, rows, values):
    """
    Every exception to the rule, as text.

    records  what clients saw: keyed.Record or the like
    rows     what was counted: {key: {(model, endpoint): Spent}}
    values   those of sent_values()
    """
    groups = {}
    for record in records:
        groups.setdefault((record.key_id, record.model, record.endpoint), []).append(record)
    found = []
    for (key, model, endpoint), group in groups.items():
        row = rows.get(key, {}).get((model, endpoint), NONE)
        choices = [record.may_count(values.get(record.request_id, [])) for record in group]
        if not is_sum(row, choices):
            open_ones = [pair for pair in zip(group, choices) if len(pair[1]) > 1] or group
            found.append(f"{key}, {model}, {endpoint}: {row} is no sum of what {len(group)} requests may count: "
                         f"{sum((min(choice, key=str) for choice in choices if len(choice) == 1), NONE)} and "
                         f"{json.dumps(open_ones, default=str)}")
    known = {(key, (model, endpoint)) for key, model, endpoint in groups}
    return found + [f"{key}: nobody has asked for {name}, and it has {row}" for key, of_key in sorted(rows.items())
                    for name, row in of_key.items() if (key, name) not in known]
