// Chat, streamed chat, embeddings, models and an audio upload.
const { toFile } = require("openai");
const { client, messages, main } = require("./common.cjs");

const model = "gpt-oss-120b";

async function streamedChat() {
  const stream = await client.chat.completions.create({
    model, messages, stream: true, stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  return { text, completion_tokens: usage.completion_tokens };
}

main(async () => {
  const chat = await client.chat.completions.create({ model, messages });
  const embeddings = await client.embeddings.create({
    model: "qwen3-embedding-4b", input: ["one two", "three"], encoding_format: "float",
  });
  const models = await client.models.list();
  const audio = await client.audio.transcriptions.create({
    model: "whisper-large-v3", file: await toFile(Buffer.alloc(40000), "talk.wav"),
  });
  return {
    chat: chat.choices[0].message.content,
    prompt_tokens: chat.usage.prompt_tokens,
    streamed: await streamedChat(),
    embeddings: embeddings.data.map((item) => item.embedding),
    models: models.data.map((item) => item.id),
    audio: audio.text,
  };
});
