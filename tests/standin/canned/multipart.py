"""The fields of a multipart/form-data body (RFC 7578), as far as an audio upload needs them."""

import re

_NAME = re.compile(rb'name="([^"]*)"', re.IGNORECASE)


def fields(content_type, body):
    """{name: bytes}; a file's field has its content. Empty when the body is no such form."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if match is None:
        return {}
    found = {}
    for part in body.split(b"--" + match.group(1).encode("latin-1"))[1:-1]:
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if separator and name is not None:
            found[name.group(1).decode("utf-8", "replace")] = content.removesuffix(b"\r\n")
    return found
