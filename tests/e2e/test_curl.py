"""curl, as in the README: HTTP/1.1 and TLS 1.2."""

import json
import subprocess

import pytest
from harness import keys
from harness.upstream import steering

CHAT = json.dumps({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "hi"}]})


def curl(house, pair, path, *options, key=keys.SECRET):
    """(status, HTTP version, body)"""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--cacert", pair.cert, "--write-out",
         "\\n%{http_code} %{http_version}", "-H", f"Authorization: Bearer {key}", *options, house.base_url + path],
        capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stderr
    body, _, last = done.stdout.rpartition("\n")
    status, version = last.split()
    return int(status), version, body


@pytest.mark.parametrize("options", [["--http1.1"], ["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"], ["--http2"]],
                         ids=" ".join)
def test_a_chat(house, pair, options):
    status, version, body = curl(house, pair, "/v1/chat/completions", *options,
                                 "-H", "Content-Type: application/json", "-d", CHAT)
    assert (status, version) == (200, "1.1")
    assert json.loads(body)["choices"][0]["message"]["role"] == "assistant"


def test_a_streamed_chat(house, pair):
    stream = json.dumps({**json.loads(CHAT), "stream": True})
    status, _, body = curl(house, pair, "/v1/chat/completions", "--no-buffer", "-d", stream)
    assert status == 200
    assert body.rstrip().endswith("data: [DONE]")


def test_a_large_upload_with_expect_continue(house, pair, folder, standin):
    talk = folder / "talk.wav"
    talk.write_bytes(b"\0" * 2_000_000)
    status, _, _ = curl(house, pair, "/v1/audio/transcriptions", "-F", f"file=@{talk}", "-F", "model=whisper-large-v3",
                        "-H", "Expect: 100-continue", "--expect100-timeout", "20")
    assert status == 200
    assert standin.body()["bytes"] > 2_000_000


def test_a_chunked_upload(house, pair, standin):
    status, _, _ = curl(house, pair, "/v1/chat/completions", "-H", "Transfer-Encoding: chunked", "-d", CHAT)
    assert status == 200
    assert standin.body()["bytes"] == len(CHAT)


def test_a_wrong_key(house, pair):
    status, _, body = curl(house, pair, "/v1/models", key="wrong")
    assert status == 401
    assert json.loads(body)["error"]["code"] == "invalid_api_key"


def test_a_cut_answer_is_an_error_to_curl(house, pair):
    header = steering(cut="body:100")
    [(name, value)] = header.items()
    done = subprocess.run(
        ["curl", "--silent", "--max-time", "30", "--cacert", pair.cert, "-H", f"{name}: {value}",
         "-H", f"Authorization: Bearer {keys.SECRET}", "-d", CHAT, house.base_url + "/v1/chat/completions"],
        capture_output=True, timeout=40, check=False)
    assert done.returncode != 0


def test_head(house, pair):
    status, _, _ = curl(house, pair, "/v1/models", "--head")
    assert status == 200
