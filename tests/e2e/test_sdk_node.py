"""The official OpenAI SDK for Node does what it does with OpenAI."""

import json

import pytest
from canned import usage
from harness import keys, node
from harness.upstream import steering

TEXT = "The gate is open and nobody reads along."


@pytest.mark.direct
def test_chat_streamed_chat_embeddings_models_and_an_audio_upload(service):
    assert node.run("all.cjs", service) == {
        "chat": TEXT,
        "prompt_tokens": usage.prompt_tokens(4),
        "streamed": {"text": TEXT, "completion_tokens": 8},
        "embeddings": [[0.25, -0.5, 0.125]] * 2,
        "models": ["gpt-oss-120b", "gemma-3-27b", "qwen3-coder-30b-a3b", "qwen3-embedding-4b", "whisper-large-v3"],
        "audio": TEXT,
    }


@pytest.mark.direct
def test_an_abort_in_mid_stream_cancels_the_request_upstream(service, standin):
    standin.let_pass("node-abort")
    assert node.run("abort.cjs", service, "node-abort") == {"seen": "The"}
    end = standin.end()
    assert (end["outcome"], end["events"]) == ("gone", 1)


@pytest.mark.parametrize("stream", ["whole", "stream"])
def test_a_wrong_key_is_an_authentication_error(service, standin, stream):
    refused = node.run("refused.cjs", service, "{}", stream, key=keys.secret("wrong"))
    assert (refused["error"], refused["status"], refused["code"]) == ("AuthenticationError", 401, "invalid_api_key")
    assert standin.requests() == []


def test_a_stream_that_upstream_breaks_off_throws(service):
    refused = node.run("refused.cjs", service, json.dumps(steering(cut="events:2", events=5)), "stream")
    assert refused["error"] is not None
    assert refused["seen"] == ["", "The", " gate"]
