"""Streamed answers: server-sent events, one word each, with cumulative usage in every one.

privatemode-proxy's backend forces `include_usage` and `continuous_usage_stats` into every stream, asked for
or not; usage-mode gives OpenAI's own forms instead (`final`: null but in the last; `never`).
"""

from . import usage
from .answers import CREATED, Answer, Piece, dump, told, word

STREAM = "text/event-stream; charset=utf-8"
STREAMING_KINDS = ("chat", "completions", "messages", "transcriptions", "translations")

DONE = Piece(b"data: [DONE]\n\n")
# an upstream error in a stream as privatemode-proxy writes it: an event without data, then the data
ERROR_PAIR = Piece(
    b'event: error\n\n'
    b'data: {"error":{"message":"the canned model is gone","type":"","param":null,"code":500}}\n\n')


def streamed(kind, asked, chosen):
    """The 2xx answer that is a stream."""
    return Answer(200, STREAM, _BUILDERS[kind](asked, chosen), headers=[("Cache-Control", "no-cache")])


def _data(body, told_usage, content=True):
    return Piece(b"data: " + dump(body) + b"\n\n", told_usage, event=content)


def _counts(chosen, canned, last):
    """`usage` to merge into one event."""
    if chosen.usage_mode == "never" or chosen.usage == "absent":
        return {}
    if chosen.usage_mode == "final" and not last:
        return {"usage": None}
    return told(chosen, canned)


def _ends_in_error(chosen):
    return chosen.error == "pair"


def _openai(chosen, shell, first, choice, stop, canned):
    """
    The events of a chat or a completion.
    shell   the fields that all events share
    first   the choice of the opening event, None: there is none
    choice  text -> the choice of a content event
    stop    the choice that ends the text
    canned  number of content events so far -> usage
    """
    def event(choices, completed, last=False, content=True):
        counts = _counts(chosen, canned(completed), last)
        return _data({**shell, "choices": choices, **counts}, counts.get("usage"), content)

    if first is not None:
        yield event([first], 0, content=False)
    for number in range(chosen.events):
        yield event([choice(word(number, chosen.event_bytes))], number + 1)
    if _ends_in_error(chosen):
        yield ERROR_PAIR
        return
    yield event([stop], chosen.events, content=False)
    if _counts(chosen, canned(chosen.events), True):
        yield event([], chosen.events, last=True, content=False)
    yield DONE


def _chat(asked, chosen):
    def choice(delta, reason=None):
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}

    return _openai(
        chosen,
        {"id": "chatcmpl-standin", "object": "chat.completion.chunk", "created": CREATED, "model": asked.model},
        choice({"role": "assistant", "content": ""}),
        lambda text: choice({"content": text}),
        choice({}, "stop"),
        lambda completed: usage.openai(asked.words, completed))


def _completions(asked, chosen):
    def choice(text, reason=None):
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}

    return _openai(
        chosen,
        {"id": "cmpl-standin", "object": "text_completion", "created": CREATED, "model": asked.model},
        None, choice, choice("", "stop"),
        lambda completed: usage.openai(asked.words, completed))


def _transcriptions(asked, chosen):
    def choice(text, reason=None):
        return {"delta": {"content": text}, "finish_reason": reason, "stop_reason": None}

    return _openai(
        chosen,
        {"id": "trsc-standin", "object": "transcription.chunk", "created": CREATED, "model": asked.model},
        None, choice, choice("", "stop"),
        lambda completed: usage.audio_tokens(asked.audio_bytes, completed))


def _messages(asked, chosen):
    def event(name, body, counts, content=False):
        return Piece(b"event: " + name.encode() + b"\ndata: " + dump({"type": name, **body}) + b"\n\n",
                     counts.get("usage"), event=content)

    def counts(completed, last=False):
        return _counts(chosen, usage.anthropic(asked.words, completed), last)

    start = counts(0)
    yield event("message_start", {"message": {
        "id": "msg_standin", "type": "message", "role": "assistant", "model": asked.model, "content": [],
        "stop_reason": None, "stop_sequence": None, **start}}, start)
    yield event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}, start)
    yield event("ping", {}, start)
    for number in range(chosen.events):
        yield event("content_block_delta", {"index": 0, "delta": {
            "type": "text_delta", "text": word(number, chosen.event_bytes)}}, start, content=True)
    if _ends_in_error(chosen):
        yield ERROR_PAIR
        return
    yield event("content_block_stop", {"index": 0}, start)
    final = counts(chosen.events, last=True)
    yield event("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, **final}, final)
    yield event("message_stop", {}, final)


_BUILDERS = {
    "chat": _chat,
    "completions": _completions,
    "messages": _messages,
    "transcriptions": _transcriptions,
    "translations": _transcriptions,
}
