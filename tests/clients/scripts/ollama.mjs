// ollama: chats, streams, tools, texts, embeddings and what is there.
import { Ollama } from 'ollama';

const { URL: host, MODEL: model, OUTPUT: output } = process.env;
const ollama = new Ollama({ host });
const messages = [{ role: 'user', content: 'Hi' }];
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ type: 'function', function: { name: 'weather', description: 'The weather.', parameters } }];
const whole = await ollama.chat({ model, messages });
let streamed = '';
for await (const piece of await ollama.chat({ model, messages, stream: true })) streamed += piece.message.content;
const asked = [{ role: 'user', content: 'Paris?' }];
const { message } = await ollama.chat({ model, messages: asked, tools });
const [call] = message.tool_calls;
asked.push(message, { role: 'tool', tool_name: 'weather', content: output });
const format = { type: 'object', properties: { name: { type: 'string', maxLength: 5 } }, required: ['name'] };
const formed = await ollama.chat({ model, messages, format });
const thinking = await ollama.chat({ model, messages, think: true });
console.log(JSON.stringify({
  text: whole.message.content, streamed, called: [call.function.name, call.function.arguments],
  after: (await ollama.chat({ model, messages: asked, tools })).message.content,
  generated: (await ollama.generate({ model, prompt: 'Hi' })).response,
  formed: 'name' in JSON.parse(formed.message.content), thought: thinking.message.thinking.length > 0,
  embedding: (await ollama.embed({ model, input: 'Hi' })).embeddings[0].length,
  models: (await ollama.list()).models.map((one) => one.name),
  capabilities: (await ollama.show({ model })).capabilities,
}));
