"""The official Anthropic SDK for Python: messages, plain and streamed, and errors in its dialect."""

import ssl

import anthropic
import pytest
from canned import usage
from harness import keys
from harness.upstream import steering

pytestmark = pytest.mark.direct

MESSAGES = [{"role": "user", "content": "Is the gate open?"}]
WORDS = 4
TEXT = "The gate is open and nobody reads along."
ASKED = {"model": "gpt-oss-120b", "max_tokens": 100, "messages": MESSAGES}


def make_client(service, key=None):
    http_client = None
    if service.ca_file is not None:
        http_client = anthropic.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(service.ca_file)))
    return anthropic.Anthropic(base_url=service.base_url, api_key=key or service.key, max_retries=0, timeout=30,
                               http_client=http_client)


@pytest.fixture
def client(service):
    with make_client(service) as client:
        yield client


def test_a_message(client, standin):
    said = client.messages.create(**ASKED)
    assert said.content[0].text == TEXT
    assert said.usage.output_tokens == 8
    assert said.usage.input_tokens == usage.anthropic(WORDS, 8)["input_tokens"]
    assert standin.one_request()["target"] == "/v1/messages"


def test_a_streamed_message(client):
    with client.messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == TEXT
        assert stream.get_final_message().usage.output_tokens == 8


def test_an_abort_in_mid_stream_cancels_the_request_upstream(client, standin):
    with client.messages.stream(**ASKED, extra_headers=steering(gate="anthropic-abort", events=5)) as stream:
        standin.let_pass("anthropic-abort")
        assert next(iter(stream.text_stream)) == "The"
    end = standin.end()
    assert (end["outcome"], end["events"]) == ("gone", 1)


@pytest.mark.through_gatehouse
class TestOnlyThroughGatehouse:
    def test_a_wrong_key_is_an_authentication_error(self, service, standin):
        with make_client(service, key=keys.secret("wrong")) as client, \
                pytest.raises(anthropic.AuthenticationError) as raised:
            client.messages.create(**ASKED)
        assert raised.value.body["type"] == "error"
        assert raised.value.body["error"]["type"] == "authentication_error"
        assert raised.value.request_id
        assert standin.requests() == []

    def test_the_credential_is_replaced_and_the_version_kept(self, client, standin):
        client.messages.create(**ASKED)
        headers = {name.lower(): value for name, value in standin.one_request()["headers"]}
        assert headers["authorization"] == f"Bearer {keys.UPSTREAM_SECRET}"
        assert "x-api-key" not in headers
        assert headers["anthropic-version"] == client.default_headers["anthropic-version"]

    def test_an_error_without_shape_comes_as_an_anthropic_error(self, client):
        with pytest.raises(anthropic.InternalServerError) as raised:
            client.messages.create(**ASKED, extra_headers=steering(error="text", status=500))
        assert raised.value.body["error"]["type"] == "api_error"

    def test_a_stream_that_upstream_breaks_off_raises(self, client):
        cut = steering(cut="events:2", events=5)
        with pytest.raises(anthropic.APIError), client.messages.stream(**ASKED, extra_headers=cut) as stream:
            "".join(stream.text_stream)

    def test_upstreams_malformed_error_events_are_put_right(self, client):
        pair = steering(error="pair", events=1)
        with pytest.raises(anthropic.APIError) as raised, client.messages.stream(**ASKED, extra_headers=pair) as stream:
            "".join(stream.text_stream)
        assert "canned model" in str(raised.value)
