"""The official OpenAI SDK for Python does all that a team does with it."""

import io
import ssl

import openai
import pytest
from canned import usage
from harness import keys, sdk
from harness.poll import until
from harness.upstream import steering

pytestmark = pytest.mark.direct

MESSAGES = [{"role": "user", "content": "Is the gate open?"}]
WORDS = 4
TEXT = "The gate is open and nobody reads along."


def make_client(service, key=None, **options):
    return sdk.client(service.base_url, key or service.key, service.ca_file, **options)


@pytest.fixture
def client(service):
    with make_client(service) as client:
        yield client


def test_chat(client, standin):
    said = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES)
    assert said.choices[0].message.content == TEXT
    assert said.model == "gpt-oss-120b"
    assert said.usage.model_dump(exclude_none=True) == usage.openai(WORDS, 8)
    assert standin.one_request()["target"] == "/v1/chat/completions"


def test_streamed_chat(client):
    stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True,
                                            stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-1].choices == []
    assert chunks[-1].usage.model_dump(exclude_none=True) == usage.openai(WORDS, 8)


def test_a_stream_arrives_event_by_event(client, standin):
    stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True,
                                            extra_headers=steering(gate="python", events=3))
    seen = []
    for chunk in stream:
        if not chunk.choices or chunk.choices[0].finish_reason:
            break
        seen.append(chunk.choices[0].delta.content)
        # the next one is held back until this one is here
        standin.let_pass("python")
    assert seen == ["", "The", " gate", " is"]


def test_completions(client):
    said = client.completions.create(model="gpt-oss-120b", prompt="one two")
    assert said.choices[0].text == TEXT
    assert said.usage.prompt_tokens == usage.prompt_tokens(2)


def test_embeddings(client, standin):
    said = client.embeddings.create(model="qwen3-embedding-4b", input=["one two", "three"], encoding_format="float")
    assert [item.embedding for item in said.data] == [[0.25, -0.5, 0.125]] * 2
    assert said.usage.prompt_tokens == usage.prompt_tokens(3)
    assert standin.one_request()["target"] == "/v1/embeddings"


def test_models(client):
    assert "gpt-oss-120b" in [model.id for model in client.models.list()]


def test_an_audio_upload(client, standin):
    audio = bytes(range(256)) * 4000
    said = client.audio.transcriptions.create(model="whisper-large-v3", file=("talk.wav", io.BytesIO(audio)))
    assert said.text == TEXT
    assert said.usage.seconds == usage.audio_seconds(len(audio))
    assert standin.body()["bytes"] > len(audio)


def test_an_audio_upload_as_verbose_json_and_as_subtitles(client):
    audio = ("talk.wav", io.BytesIO(b"\0" * 40000))
    said = client.audio.transcriptions.create(model="whisper-large-v3", file=audio, response_format="verbose_json")
    assert float(said.duration) == 3
    audio = ("talk.wav", io.BytesIO(b"\0" * 40000))
    assert client.audio.transcriptions.create(
        model="whisper-large-v3", file=audio, response_format="vtt").startswith("WEBVTT")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_translation(client, standin):
    said = client.audio.translations.create(model="whisper-large-v3", file=("talk.wav", io.BytesIO(b"\0" * 100)))
    assert said.text == TEXT
    assert standin.one_request()["target"] == "/v1/audio/translations"


def test_an_abort_in_mid_stream_cancels_the_request_upstream(client, standin):
    stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True,
                                            extra_headers=steering(gate="abort", events=5))
    standin.let_pass("abort")
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    assert standin.log("end") == [], "only the client's leaving can end it: the gate is closed"
    stream.close()
    end = standin.end()
    assert (end["outcome"], end["events"]) == ("gone", 1)


def test_an_upstream_error_keeps_its_status_and_message(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="no-such-model", messages=MESSAGES,
                                       extra_headers=steering(status=404, error="json"))
    assert raised.value.body["message"] == "a canned upstream error"


@pytest.mark.parametrize("status,error", [(400, openai.BadRequestError), (422, openai.UnprocessableEntityError),
                                          (429, openai.RateLimitError), (500, openai.InternalServerError)])
def test_upstream_errors_map_to_the_sdks_own(client, status, error):
    with pytest.raises(error):
        client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, extra_headers=steering(status=status))


@pytest.mark.through_gatehouse
class TestOnlyThroughGatehouse:
    """What the stand-in alone would not do."""

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_wrong_key_is_an_authentication_error(self, service, standin, stream):
        with make_client(service, key=keys.secret("wrong")) as client, \
                pytest.raises(openai.AuthenticationError) as raised:
            client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=stream)
        assert raised.value.code == "invalid_api_key"
        assert raised.value.request_id
        assert standin.requests() == []

    def test_a_stream_without_include_usage_has_no_usage_only_chunk(self, client):
        stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True)
        assert all(chunk.choices for chunk in stream), "clients index choices[0]"

    def test_the_request_id_is_the_clients_own(self, client, standin):
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-oss-120b", messages=MESSAGES, extra_headers={"X-Request-Id": "team.request_1-a"})
        assert raw.headers["x-request-id"] == "team.request_1-a"
        assert raw.parse()._request_id == "team.request_1-a"
        assert ["x-request-id", "team.request_1-a"] in [
            [name.lower(), value] for name, value in standin.one_request()["headers"]]

    def test_a_stream_that_upstream_breaks_off_raises(self, client):
        stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True,
                                                extra_headers=steering(cut="events:2", events=5))
        seen = []
        with pytest.raises(openai.APIError):
            for chunk in stream:
                seen.append(chunk)
        assert [chunk.choices[0].delta.content for chunk in seen] == ["", "The", " gate"]

    def test_an_answer_that_upstream_breaks_off_raises(self, client):
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES,
                                           extra_headers=steering(cut="body:100"))

    def test_upstreams_malformed_error_events_are_put_right(self, client):
        stream = client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES, stream=True,
                                                extra_headers=steering(error="pair", events=1))
        with pytest.raises(openai.APIError) as raised:
            list(stream)
        assert "canned model" in str(raised.value)

    def test_an_error_without_shape_comes_as_an_openai_error(self, client):
        for shape in ("text", "html", "empty", "list"):
            with pytest.raises(openai.InternalServerError) as raised:
                client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES,
                                               extra_headers=steering(error=shape, status=500))
            assert isinstance(raised.value.body, dict) and raised.value.body["message"], shape

    def test_the_sdk_retries_only_what_cannot_have_begun(self, service, standin):
        with make_client(service, max_retries=2) as client, pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES,
                                           extra_headers=steering(cut="head:0"))
        assert len(standin.requests()) == 1, "upstream may have begun: x-should-retry is false"

    def test_an_async_client_runs_many_chats_at_once(self, service, standin):
        import asyncio

        async def chats():
            http_client = openai.DefaultAsyncHttpxClient(verify=ssl.create_default_context(
                cafile=str(service.ca_file)))
            async with openai.AsyncOpenAI(base_url=service.base_url + "/v1", api_key=service.key, timeout=30,
                                          max_retries=0, http_client=http_client) as client:
                return await asyncio.gather(*(
                    client.chat.completions.create(model="gpt-oss-120b", messages=MESSAGES) for _ in range(40)))

        assert [said.choices[0].message.content for said in asyncio.run(chats())] == [TEXT] * 40
        until("all were served", lambda: len(standin.log("end", outcome="complete")) == 40)
