"""Clients of OpenAI's official SDK for Python."""

import ssl

import openai

from .upstream import steering

MODEL = "gpt-oss-120b"


def client(base_url, key, ca_file=None, **options):
    """base_url: without /v1. ca_file: the certificate that TLS is verified by; None: no TLS."""
    http_client = None
    if ca_file is not None:
        http_client = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(ca_file)))
    return openai.OpenAI(base_url=base_url + "/v1", api_key=key, http_client=http_client,
                         **{"max_retries": 0, "timeout": 30, **options})


def chat(house, key):
    """One short chat with a gatehouse that has TLS."""
    with client(house.base_url, key, house.tls_pair.cert) as talking:
        return talking.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "two words"}],
                                               extra_headers=steering(events=3))
