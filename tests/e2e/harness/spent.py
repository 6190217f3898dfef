"""What a gatehouse says was used, and what a stand-in's `usage` must become there."""

import json
from dataclasses import dataclass, fields, replace
from decimal import Decimal

MIB = 1 << 20


@dataclass(frozen=True)
class Spent:
    """The figures of one row of `gatehouse usage`."""

    requests: int = 0
    requests_cut: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    audio_bytes: int = 0
    audio_ms: int = 0
    cost_neur: int = 0

    def __add__(self, other):
        return Spent(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


def whole(number, unit):
    """A printed decimal as a whole number of its smallest part; fails if there is less than that in it."""
    exact = Decimal(str(number)) * unit
    assert exact == exact.to_integral_value(), number
    return int(exact)


def of_row(row):
    """A JSON row (without its names) as Spent; the sum that is printed with it must be right."""
    assert row["total_tokens"] == row["prompt_tokens"] + row["completion_tokens"], row
    return Spent(row["requests"], row["requests_cut"], row["prompt_tokens"], row["cached_tokens"],
                 row["cache_write_tokens"], row["completion_tokens"], row["audio_bytes"],
                 whole(row["audio_seconds"], 1000), whole(row["cost_eur"], 1_000_000_000))


def read(house):
    """{key: {(model, endpoint): Spent}} as `gatehouse usage` has it, with a master running or without."""
    done = house.run("usage", "--format", "json", "--by", "key,model,endpoint")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout, parse_float=Decimal)
    found, total = {}, Spent()
    for row in said["rows"]:
        spent = of_row(row)
        rows = found.setdefault(row["key_id"], {})
        assert (row["model"], row["endpoint"]) not in rows, "one row for each"
        rows[row["model"], row["endpoint"]] = spent
        total += spent
    assert of_row(said["total"]) == total
    return found


@dataclass(frozen=True)
class Price:
    """In billionths of a euro, for one token."""

    prompt: int = 0
    completion: int = 0
    cached: int | None = None
    """None: as others of the prompt"""
    written: int | None = None

    def of(self, spent):
        cached = self.prompt if self.cached is None else self.cached
        written = self.prompt if self.written is None else self.written
        fresh = spent.prompt_tokens - spent.cached_tokens - spent.cache_write_tokens
        return (self.prompt * fresh + cached * spent.cached_tokens + written * spent.cache_write_tokens
                + self.completion * spent.completion_tokens)


BUILT_IN = Price(5000, 5000)
"""of chat models in the list that is built in"""


def told(usage, cut=False, price=BUILT_IN):
    """What a request with this `usage` of OpenAI's or Anthropic's form counts; None: it has told nothing."""
    said = usage or {}
    if "input_tokens" in said:
        cached, written = said.get("cache_read_input_tokens", 0), said.get("cache_creation_input_tokens", 0)
        prompt, completion = said["input_tokens"] + cached + written, said["output_tokens"]
    else:
        details = said.get("prompt_tokens_details") or {}
        cached, written = details.get("cached_tokens", 0), 0
        prompt, completion = said.get("prompt_tokens", 0), said.get("completion_tokens", 0)
    spent = Spent(1, int(cut), prompt, cached, written, completion)
    return replace(spent, cost_neur=price.of(spent))


def heard(audio_bytes, seconds=0, mib_neur=0, second_neur=0, **more):
    """What a request with audio counts; costs are rounded half up."""
    audio_ms = whole(seconds, 1000)
    cost = (2 * audio_bytes * mib_neur + MIB) // (2 * MIB) + (2 * audio_ms * second_neur + 1000) // 2000
    return Spent(1, audio_bytes=audio_bytes, audio_ms=audio_ms, cost_neur=cost, **more)
