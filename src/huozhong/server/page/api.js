// The page's only way to the server.

/** kind: 'offline' | 'cut' | 'context' | 'busy' | 'server' | 'stopped' */
export class ApiError extends Error {
  constructor(kind, message) {
    super(message || kind);
    this.kind = kind;
  }
}

const canStream = typeof ReadableStream !== 'undefined' && typeof Response !== 'undefined' && 'body' in Response.prototype;

/** Stops a request; works also where the browser has no AbortController. */
export function createStopper() {
  const controller = typeof AbortController === 'undefined' ? null : new AbortController();
  return {
    stopped: false,
    signal: controller ? controller.signal : undefined,
    stop() {
      this.stopped = true;
      if (controller) controller.abort();
    },
  };
}

// A server that wants a key is opened as http://…/#key=KEY; what stands behind the # is never sent by itself.
const key = (/[#&]key=([^&]*)/.exec(location.hash) || [])[1];

function headers(more) {
  return Object.assign(key ? { Authorization: 'Bearer ' + decodeURIComponent(key) } : {}, more);
}

function post(path, body, signal) {
  return fetch(path, { method: 'POST', headers: headers({ 'Content-Type': 'application/json' }), body: JSON.stringify(body), signal });
}

export async function info() {
  const response = await fetch('/page/info', { headers: headers() });
  if (!response.ok) throw new ApiError('server', String(response.status));
  return response.json();
}

/** Markdown -> HTML that the server has made safe. */
export async function render(text) {
  const response = await post('/page/render', { text });
  if (!response.ok) throw new ApiError('server', String(response.status));
  return (await response.json()).html;
}

function asError(status, error) {
  const message = (error && error.message) || 'HTTP ' + status;
  if (error && error.code === 'context_length_exceeded') return new ApiError('context', message);
  if (status === 429 || status === 503) return new ApiError('busy', message);
  return new ApiError('server', message);
}

/**
 * Asks for an answer.  onDelta({content, reasoning}) is called with each new piece; resolves to
 * {finish, usage, rule}; rule {id, kind, numbers} where the answer is a fixed text, not the model's; rejects with an ApiError.
 */
export async function chat(request, stopper, onDelta) {
  const body = Object.assign({}, request, { stream: canStream });
  if (canStream) body.stream_options = { include_usage: true };
  let response;
  try {
    response = await post('/v1/chat/completions', body, stopper.signal);
  } catch (error) {
    throw new ApiError(stopper.stopped ? 'stopped' : 'offline');
  }
  try {
    if (!response.ok) {
      const failure = await response.json().catch(() => ({}));
      throw asError(response.status, failure.error);
    }
    return canStream ? await readStream(response, stopper, onDelta) : await readWhole(response, stopper, onDelta);
  } catch (error) {
    if (stopper.stopped) throw new ApiError('stopped');
    throw error instanceof ApiError ? error : new ApiError('cut');
  }
}

async function readWhole(response, stopper, onDelta) {
  const whole = await response.json();
  if (stopper.stopped) throw new ApiError('stopped');
  const message = whole.choices[0].message;
  onDelta({ reasoning: message.reasoning_content || '', content: '' });
  onDelta({ reasoning: '', content: message.content || '' });
  return { finish: whole.choices[0].finish_reason, usage: whole.usage || null, rule: message.rule || null };
}

async function readStream(response, stopper, onDelta) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const result = { finish: null, usage: null, rule: null };
  let rest = '';
  for (;;) {
    const piece = await reader.read();
    if (stopper.stopped) {
      reader.cancel().catch(() => {}); // the connection is gone already: all the better
      throw new ApiError('stopped');
    }
    if (piece.done) break;
    const lines = (rest + decoder.decode(piece.value, { stream: true })).split(/\r?\n/);
    rest = lines.pop();
    lines.forEach((line) => readLine(line, result, onDelta));
  }
  if (!result.finish) throw new ApiError('cut');
  return result;
}

function readLine(line, result, onDelta) {
  if (line.slice(0, 5) !== 'data:') return; // comments and blank lines keep the connection awake
  const data = line.slice(5).trim();
  if (data === '[DONE]') return;
  const chunk = JSON.parse(data);
  if (chunk.error) throw asError(500, chunk.error);
  if (chunk.usage) result.usage = chunk.usage;
  const choice = chunk.choices && chunk.choices[0];
  if (!choice) return;
  const delta = choice.delta || {};
  if (delta.reasoning_content || delta.content) {
    onDelta({ reasoning: delta.reasoning_content || '', content: delta.content || '' });
  }
  if (delta.rule) result.rule = delta.rule;
  if (choice.finish_reason) result.finish = choice.finish_reason;
}
