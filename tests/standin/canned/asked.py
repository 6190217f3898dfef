"""What a request asks for: its endpoint by method and target, the rest from its body."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from . import multipart, steer


@dataclass
class Asked:
    """What a request's body asked for."""

    model: str = "gpt-oss-120b"
    stream: bool = False
    words: int = 0
    audio_bytes: int = 0
    response_format: str = "json"
    inputs: int = 1
    steering: dict = field(default_factory=dict)


ENDPOINTS = {
    "/v1/chat/completions": ("POST", "chat"),
    "/v1/completions": ("POST", "completions"),
    "/v1/embeddings": ("POST", "embeddings"),
    "/v1/models": ("GET", "models"),
    "/v1/audio/transcriptions": ("POST", "transcriptions"),
    "/v1/audio/translations": ("POST", "translations"),
    "/v1/messages": ("POST", "messages"),
}


def endpoint(method, target):
    """(kind, None) or (None, status to refuse with)."""
    path = urlsplit(target).path
    if path.startswith("/unstructured/"):
        return "unstructured", None
    if path not in ENDPOINTS:
        return None, 404
    wanted, kind = ENDPOINTS[path]
    if method != wanted and (method, wanted) != ("HEAD", "GET"):
        return None, 405
    return kind, None


def read_body(content_type, body):
    """What the body asks for; a body that says nothing asks for the defaults."""
    if content_type.lower().startswith("multipart/form-data"):
        asked = _read_form(multipart.fields(content_type, body))
    else:
        asked = _read_json(body)
    asked.steering, asked.model = steer.from_model(asked.model)
    return asked


def _read_form(form):
    def text(name, default):
        return form.get(name, default.encode()).decode("utf-8", "replace")

    return Asked(model=text("model", "whisper-large-v3"), stream=text("stream", "false") == "true",
                 audio_bytes=len(form.get("file", b"")), response_format=text("response_format", "json"))


def _read_json(body):
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Asked()
    inputs = said.get("input")
    return Asked(model=str(said.get("model", "gpt-oss-120b")), stream=said.get("stream") is True,
                 words=_count_words(said), inputs=len(inputs) if isinstance(inputs, list) else 1)


def _count_words(said):
    """Words of every string in the prompt's fields."""
    def count(value):
        if isinstance(value, str):
            return len(value.split())
        if isinstance(value, list):
            return sum(map(count, value))
        if isinstance(value, dict):
            return sum(count(value[name]) for name in ("content", "text") if name in value)
        return 0

    return sum(count(said[name]) for name in ("messages", "prompt", "input", "system") if name in said)
