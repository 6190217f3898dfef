/** Programs to copy, with this host's own base URL. */

const SECRET = 'pm_…';

/** A command that asks a model and works as it stands. */
export function curlLine(base, secret, model) {
	return `curl ${base}/v1/chat/completions \\
  -H "Authorization: Bearer ${secret}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`;
}

const python = (base, model) => `# pip install openai
from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key="${SECRET}")
stream = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)`;

const node = (base, model) => `// npm install openai
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}/v1", apiKey: "${SECRET}" });
const stream = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;

const anthropic = (base, model) => `# pip install anthropic
from anthropic import Anthropic

# without /v1: this SDK adds it
client = Anthropic(base_url="${base}", api_key="${SECRET}")
message = client.messages.create(
    model="${model}",
    max_tokens=500,
    messages=[{"role": "user", "content": "Hello"}],
)
print(message.content[0].text)`;

const n8n = (base, model) => `1. Credentials > Add credential > OpenAI
     API Key   ${SECRET}
     Base URL  ${base}/v1
2. In the workflow: add the node "OpenAI Chat Model" and choose this credential
     Model     ${model}   (By ID, if it is not in the list)
     Use Responses API   off`;

/** The examples of the documentation: [name, text], for a host and a model. */
export function samples(base, model) {
	return [
		['Python', python(base, model)],
		['Node', node(base, model)],
		['curl', curlLine(base, SECRET, model)],
		['Anthropic', anthropic(base, model)],
		['n8n', n8n(base, model)],
	];
}
