"""Counts: a pure function of the request, so that a test can work them out beforehand.

prompt tokens      5 and one for each word of the prompt; half of them (rounded down) cached
completion tokens  one for each content event so far; a quarter (rounded down) of them reasoning
audio seconds      one for each 16,000 bytes of audio, rounded up
"""

BYTES_A_SECOND = 16000


def prompt_tokens(words):
    return 5 + words


def audio_seconds(audio_bytes):
    return -(-audio_bytes // BYTES_A_SECOND)


def openai(words, completion):
    """`usage` of chat and completions after so many content events."""
    prompt = prompt_tokens(words)
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": prompt // 2},
        "completion_tokens_details": {"reasoning_tokens": completion // 4},
    }


def embeddings(words):
    prompt = prompt_tokens(words)
    return {"prompt_tokens": prompt, "total_tokens": prompt}


def anthropic(words, completion):
    """`usage` of messages: input_tokens are those that were not cached."""
    prompt = prompt_tokens(words)
    return {
        "input_tokens": prompt - prompt // 2,
        "output_tokens": completion,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": prompt // 2,
    }


def audio_tokens(audio_bytes, completion):
    """`usage` of a streamed transcription."""
    heard = 10 * audio_seconds(audio_bytes)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": completion,
        "total_tokens": heard + completion,
    }
