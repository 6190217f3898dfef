"""Whole answers of every endpoint, in the shapes that privatemode-proxy gives.

Text is a fixed sentence, a word for each token. With body-bytes the text is lengthened so that the body has
exactly that size; the filler is made while it is sent, so 100 MB cost no memory here.
"""

import json
from dataclasses import dataclass, field

from . import steer, usage

WORDS = ("The", "gate", "is", "open", "and", "nobody", "reads", "along.")
CREATED = 1750000000
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
MODELS = ("gpt-oss-120b", "gemma-3-27b", "qwen3-coder-30b-a3b", "qwen3-embedding-4b", "whisper-large-v3")
FILLER = b"x" * 65536

# stands in a canned text for the place where it may be lengthened
_HERE = "@fill@"


@dataclass
class Piece:
    """Some bytes of a body. usage: what the answer has told once this is out."""

    data: bytes
    usage: object = None
    event: bool = False
    """counted and paced as a content event of a stream"""


@dataclass
class Answer:
    status: int
    content_type: str
    pieces: object
    """iterable of Piece"""
    length: int | None = None
    """of the whole body; None: not known before, as in a stream"""
    headers: list = field(default_factory=list)


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def word(number, event_bytes):
    """The text of the content event `number`."""
    text = ("" if number == 0 else " ") + WORDS[number % len(WORDS)]
    return text if event_bytes == 0 else text.ljust(event_bytes, ".")[:event_bytes]


def told(chosen, canned):
    """`usage` to merge into a body: the canned one, the steered one or none."""
    if chosen.usage == "absent":
        return {}
    return {"usage": canned if chosen.usage == "canned" else chosen.usage}


def literal(status, content_type, data, told_usage=None):
    """An answer with just these bytes."""
    return Answer(status, content_type, [Piece(data, told_usage)], length=len(data))


def whole(kind, asked, chosen):
    """The 2xx answer that is no stream."""
    return _BUILDERS[kind](asked, chosen)


def _text(chosen):
    return "".join(word(number, chosen.event_bytes) for number in range(chosen.events))


def _json(body, chosen, told_usage=None):
    before, _, after = dump(body).partition(_HERE.encode())
    filler = max(0, chosen.body_bytes - len(before) - len(after))
    if 0 < chosen.body_bytes < len(before) + len(after):
        raise steer.SteeringError(f"body-bytes: this answer has at least {len(before) + len(after)}")

    def pieces():
        if filler == 0:
            yield Piece(before + after, told_usage)
            return
        yield Piece(before)
        left = filler
        while left > 0:
            yield Piece(FILLER[:left])
            left -= len(FILLER[:left])
        yield Piece(after, told_usage)

    return Answer(200, JSON, pieces(), length=len(before) + filler + len(after))


def _chat(asked, chosen):
    counts = told(chosen, usage.openai(asked.words, chosen.events))
    return _json({
        "id": "chatcmpl-standin", "object": "chat.completion", "created": CREATED, "model": asked.model,
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                     "message": {"role": "assistant", "content": _text(chosen) + _HERE}}],
        **counts,
    }, chosen, counts.get("usage"))


def _completions(asked, chosen):
    counts = told(chosen, usage.openai(asked.words, chosen.events))
    return _json({
        "id": "cmpl-standin", "object": "text_completion", "created": CREATED, "model": asked.model,
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "text": _text(chosen) + _HERE}],
        **counts,
    }, chosen, counts.get("usage"))


def _embeddings(asked, chosen):
    counts = told(chosen, usage.embeddings(asked.words))
    return _json({
        "object": "list", "model": asked.model,
        "data": [{"object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125]}
                 for index in range(asked.inputs)],
        "id": "embd-standin" + _HERE, **counts,
    }, chosen, counts.get("usage"))


def _models(_asked, chosen):
    models = [{"id": name, "object": "model", "created": CREATED, "owned_by": "privatemode"} for name in MODELS]
    models[-1]["owned_by"] += _HERE
    return _json({"object": "list", "data": models}, chosen)


def _messages(asked, chosen):
    counts = told(chosen, usage.anthropic(asked.words, chosen.events))
    return _json({
        "id": "msg_standin", "type": "message", "role": "assistant", "model": asked.model,
        "content": [{"type": "text", "text": _text(chosen) + _HERE}],
        "stop_reason": "end_turn", "stop_sequence": None, **counts,
    }, chosen, counts.get("usage"))


def _transcriptions(asked, chosen):
    seconds = usage.audio_seconds(asked.audio_bytes)
    text = _text(chosen)
    if asked.response_format in ("text", "srt", "vtt"):
        return literal(200, TEXT, _subtitles(asked.response_format, text))
    if asked.response_format == "verbose_json":
        return _json({"task": "transcribe", "language": "en", "duration": str(float(seconds)),
                      "text": text + _HERE, "segments": []}, chosen)
    counts = told(chosen, {"type": "duration", "seconds": seconds})
    return _json({"text": text + _HERE, **counts}, chosen, counts.get("usage"))


def _subtitles(form, text):
    if form == "srt":
        text = f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n"
    elif form == "vtt":
        text = f"WEBVTT\n\n00:00.000 --> 00:01.000\n{text}\n"
    return text.encode()


def _unstructured(_asked, chosen):
    return _json([{"type": "Title", "element_id": "standin", "text": _text(chosen) + _HERE,
                   "metadata": {"page_number": 1}}], chosen)


_BUILDERS = {
    "chat": _chat,
    "completions": _completions,
    "embeddings": _embeddings,
    "models": _models,
    "messages": _messages,
    "transcriptions": _transcriptions,
    "translations": _transcriptions,
    "unstructured": _unstructured,
}
