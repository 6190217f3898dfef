// Leaves a stream after its first word. argv: the gate's name.
const { client, messages, main } = require("./common.cjs");

main(async () => {
  const stream = await client.chat.completions.create(
    { model: "gpt-oss-120b", messages, stream: true },
    { headers: { "x-standin-gate": process.argv[2], "x-standin-events": "5" } },
  );
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) {
      stream.controller.abort();
      return { seen: chunk.choices[0].delta.content };
    }
  }
  return { seen: null };
});
