"""Error answers: as OpenAI's, as Anthropic's, and the shapeless ones that a proxy has to put right."""

from .answers import JSON, TEXT, dump, literal

MESSAGE = "a canned upstream error"

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}


def _openai(status, message):
    return dump({"error": {"message": message, "type": _TYPES.get(status, ""), "param": None, "code": status}})


def _anthropic(status, message):
    return dump({"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": message}})


def error(status, shape="json", message=MESSAGE):
    content_type, data = {
        "json": (JSON, _openai(status, message)),
        "anthropic": (JSON, _anthropic(status, message)),
        "text": (TEXT, f"{message}\n".encode()),
        "html": ("text/html", f"<html><body><h1>{message}</h1></body></html>\n".encode()),
        "empty": (None, b""),
        "list": (JSON, dump([message])),
    }[shape]
    return literal(status, content_type, data)


def redirect(status, location):
    answer = literal(status, TEXT, b"elsewhere\n")
    answer.headers.append(("Location", location))
    return answer
