// What kind of error a chat ends in. argv: headers as JSON, whether to stream.
const { OpenAI, client, messages, main } = require("./common.cjs");

main(async () => {
  const [headers, stream] = [JSON.parse(process.argv[2]), process.argv[3] === "stream"];
  const seen = [];
  try {
    const answer = await client.chat.completions.create({ model: "gpt-oss-120b", messages, stream }, { headers });
    if (stream) for await (const chunk of answer) seen.push(chunk.choices[0]?.delta?.content ?? "");
    return { error: null, seen };
  } catch (error) {
    const isApiError = error instanceof OpenAI.APIError;
    return { error: error.constructor.name, isApiError, status: error.status ?? null, code: error.code ?? null, seen };
  }
});
