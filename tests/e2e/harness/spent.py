"""What a gatehouse says was used, and what a stand-in's `usage` must become there."""

import json
from dataclasses import dataclass, fields
from decimal import Decimal

TOKEN_NEUR = 5000
"""of chat models, by the list that is built in"""


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


def told(usage, cut=False, token_neur=TOKEN_NEUR):
    """What a request with this `usage` of OpenAI's or Anthropic's form counts; None: it has told nothing."""
    said = usage or {}
    if "input_tokens" in said and "type" not in said:
        cached = said["cache_read_input_tokens"]
        written = said["cache_creation_input_tokens"]
        prompt, completion = said["input_tokens"] + cached + written, said["output_tokens"]
    else:
        details = said.get("prompt_tokens_details") or {}
        cached, written = details.get("cached_tokens", 0), 0
        prompt, completion = said.get("prompt_tokens", 0), said.get("completion_tokens", 0)
    return Spent(1, int(cut), prompt, cached, written, completion, cost_neur=token_neur * (prompt + completion))
