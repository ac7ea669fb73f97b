/* openai.cjs - asks a server as programs do that use the official openai client for Node.
 *
 *   node openai.cjs WHAT BASE_URL MODEL QUESTION    prints what came of it as one line of JSON
 *
 * NODE_PATH is where the client is. WHAT is a name of `does`.
 */
"use strict";
const { OpenAI } = require("openai");

const [what, baseURL, model, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 30000 });
const messages = [{ role: "user", content: question }];

const does = {
    async models() {
        const ids = [];
        for await (const m of client.models.list()) ids.push(m.id);
        return { ids };
    },

    async whole() {
        const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
        return { ...data, type: response.headers.get("content-type") };
    },

    async streamed() {
        const stream = await client.chat.completions.create({
            model, messages, stream: true, stream_options: { include_usage: true },
        });
        const chunks = [];
        for await (const chunk of stream) chunks.push(chunk);
        return { chunks };
    },

    /* The helper that puts a stream together and is strict about its shape. */
    async collected() {
        const runner = client.chat.completions.stream({ model, messages });
        const parts = [];
        runner.on("content", (delta) => parts.push(delta));
        return { completion: await runner.finalChatCompletion(), parts };
    },

    async history() {
        const turns = [
            { role: "system", content: "Be brief." },
            { role: "user", content: [{ type: "text", text: "What is the moon made of?" }] },
            { role: "assistant", content: "Rock and dust." },
        ];
        return await client.chat.completions.create({
            model, messages: [...turns, ...messages], max_completion_tokens: 50, temperature: 0,
        });
    },

    async left() {
        const stream = await client.chat.completions.create({ model, messages, stream: true });
        let n = 0;
        for await (const chunk of stream) {
            n += chunk.choices[0]?.delta?.content ? 1 : 0;
            if (n === 3) break; /* which aborts the request */
        }
        return { n };
    },

    async embedded() {
        const reply = await client.embeddings.create({ model: "ragd-embedding", input: [question, "A ratio."] });
        return { dims: reply.data.map((d) => d.embedding.length), norm: Math.hypot(...reply.data[0].embedding) };
    },
};

does[what]()
    .catch((e) => ({
        error: e.constructor.name, status: e.status, param: e.param, code: e.code, type: e.type,
        message: e.message, retry_after: e.headers?.get?.("retry-after") ?? null,
    }))
    .then((v) => console.log(JSON.stringify(v)));
