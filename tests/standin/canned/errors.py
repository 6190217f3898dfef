"""Error answers: as OpenAI's, as Anthropic's, and the shapeless ones that a proxy has to put right."""

from .answers import JSON, TEXT, dump, literal

MESSAGE = "a canned upstream error"

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 405: "invalid_request_error"}


def _openai(status, message):
    return dump({"error": {"message": message, "type": _TYPES.get(status, ""), "param": None, "code": status}})


def _anthropic(status, message):
    return dump({"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": message}})


_SHAPES = {
    "json": lambda status, message: (JSON, _openai(status, message)),
    "anthropic": lambda status, message: (JSON, _anthropic(status, message)),
    "text": lambda status, message: (TEXT, message.encode() + b"\n"),
    "html": lambda status, message: ("text/html", b"<html><body><h1>" + message.encode() + b"</h1></body></html>\n"),
    "empty": lambda status, message: (None, b""),
    "list": lambda status, message: (JSON, dump([message])),
}


def error(status, shape="json", message=MESSAGE):
    content_type, data = _SHAPES[shape](status, message)
    return literal(status, content_type, data)


def redirect(status, location):
    answer = literal(status, TEXT, b"elsewhere\n")
    answer.headers.append(("Location", location))
    return answer
