// What the scripts share: a client for BASE_URL with API_KEY, and one line of JSON as the result.
// Debian 12 has Node 18, where File is no global yet.
globalThis.File ??= require("node:buffer").File;
const { OpenAI } = require("openai");

const client = new OpenAI({
  baseURL: process.env.BASE_URL,
  apiKey: process.env.API_KEY,
  maxRetries: 0,
  timeout: 30000,
});

const messages = [{ role: "user", content: "Is the gate open?" }];

function main(work) {
  work().then(
    (result) => process.stdout.write(JSON.stringify(result) + "\n"),
    (error) => {
      process.stderr.write(String(error.stack) + "\n");
      process.exitCode = 1;
    },
  );
}

module.exports = { OpenAI, client, messages, main };
