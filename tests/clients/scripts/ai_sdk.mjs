// @ai-sdk/deepseek, @ai-sdk/openai (whose default is the Responses API), @ai-sdk/anthropic: texts, streams, objects, tools.
import { generateText, streamText, generateObject, tool, stepCountIs, jsonSchema } from 'ai';
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';

const { URL: url, MODEL: model, OUTPUT: output } = process.env;
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'none' });
const ways = {
  openai: openai(model),
  chat: openai.chat(model),
  deepseek: createDeepSeek({ baseURL: url, apiKey: 'none' })('deepseek-chat'),
  reasoner: createDeepSeek({ baseURL: url, apiKey: 'none' })('deepseek-reasoner'),
  anthropic: createAnthropic({ baseURL: `${url}/anthropic/v1`, apiKey: 'none' })('claude-sonnet-4-5'),
};
const weather = tool({
  description: 'The weather of a city.',
  inputSchema: jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
  execute: async () => output,
});
const person = jsonSchema({
  type: 'object', properties: { name: { type: 'string', maxLength: 5 } }, required: ['name'], additionalProperties: false,
});
const told = {};
for (const [name, way] of Object.entries(ways)) {
  const whole = await generateText({ model: way, prompt: 'Hi' });
  let streamed = '';
  for await (const piece of streamText({ model: way, prompt: 'Hi' }).textStream) streamed += piece;
  const loop = await generateText({ model: way, prompt: 'Paris?', tools: { weather }, stopWhen: stepCountIs(3) });
  const again = await generateText({
    model: way,
    messages: [{ role: 'user', content: 'Hi' }, ...whole.response.messages, { role: 'user', content: 'Hi' }],
  });
  const object = await generateObject({ model: way, schema: person, prompt: 'Who?' });
  told[name] = {
    text: whole.text, streamed, thought: (whole.reasoningText ?? '').length > 0,
    called: loop.steps[0].toolCalls.map((call) => [call.toolName, call.input]), after: loop.text, again: again.text,
    object: typeof object.object, tokens: whole.usage.outputTokens > 0, reason: whole.finishReason,
  };
}
told.embedding = (await openai.embedding(model).doEmbed({ values: ['Hi'] })).embeddings[0].length;
console.log(JSON.stringify(told));
