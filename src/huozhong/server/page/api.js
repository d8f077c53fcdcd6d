// The pages' only way to the server.

import { own } from './language.js';

/** kind: 'offline' | 'busy' | 'gone' | 'login' | 'rights' | 'server'.  wait: seconds after which it may be tried again, or 0. */
export class ApiError extends Error {
  constructor(kind, message, wait) {
    super(message || kind);
    this.kind = kind;
    this.wait = wait || 0;
  }
}

const LOGIN_PAGE = '/page/login.html';
const RETRIES = [300, 1000, 2000, 4000]; // ms until a lost connection is tried again; then always the last
const canStream = typeof ReadableStream !== 'undefined' && typeof Response !== 'undefined' && 'body' in Response.prototype;

// A server that wants a key is opened as http://…/#key=KEY; what stands behind the # is never sent by itself.
const key = (/[#&]key=([^&]*)/.exec(location.hash) || [])[1];

/** Whether the page shows a key of its own: then it is no page to be kept for later. */
export const hasKey = Boolean(key);

function headers(more) {
  return Object.assign(key ? { Authorization: 'Bearer ' + decodeURIComponent(key) } : {}, more);
}

async function refused(response) {
  const body = await response.json().catch(() => ({}));
  const message = own((body.error && body.error.message) || 'HTTP ' + response.status);
  if (response.status === 401) {
    if (!hasKey && body.error && body.error.code === 'not_logged_in') location.replace(LOGIN_PAGE);
    return new ApiError('login', message);
  }
  const kinds = { 403: 'rights', 404: 'gone', 429: 'busy', 503: 'busy' };
  return new ApiError(kinds[response.status] || 'server', message, Number(response.headers.get('retry-after')));
}

/** The server's answer to a request; body: a file as it is, or what becomes JSON; more: fetch's.  Rejects with an ApiError. */
export async function send(method, path, body, more) {
  const isFile = typeof Blob !== 'undefined' && body instanceof Blob;
  const type = isFile && /zip/.test(body.type) ? 'application/zip' : 'application/json';
  const options = Object.assign({ method, headers: headers(body === undefined ? {} : { 'Content-Type': type }) }, more);
  if (body !== undefined) options.body = isFile ? body : JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new ApiError('offline');
  }
  if (!response.ok) throw await refused(response);
  return response;
}

export async function ask(method, path, body, more) {
  return (await send(method, path, body, more)).json();
}

export function conversationPath(id, more) {
  return '/house/conversations/' + encodeURIComponent(id) + (more || '');
}

/** Markdown -> HTML that the server has made safe. */
export async function render(text) {
  return (await ask('POST', '/page/render', { text })).html;
}

/**
 * Reads server-sent events until close() or the server's end, through lost connections, sleep and restarts.
 * on: {event(name, data), lost(), back(), end(), failed(ApiError)}; end() when the server has said all, failed() where
 * asking again cannot help.  again: whether to come back also after an orderly end.
 */
export function listen(path, on, again) {
  let closed = false;
  let tries = 0;
  let timer = 0;
  let abort = null;
  let isLost = false;

  function retry() {
    if (closed) return;
    if (!isLost) {
      isLost = true;
      if (on.lost) on.lost();
    }
    timer = setTimeout(start, RETRIES[Math.min(tries, RETRIES.length - 1)]);
    tries += 1;
  }

  async function start() {
    clearTimeout(timer);
    timer = 0;
    abort = typeof AbortController === 'undefined' ? null : new AbortController();
    let response;
    try {
      response = await fetch(path, { headers: headers(), signal: abort ? abort.signal : undefined, cache: 'no-store' });
    } catch (error) {
      retry();
      return;
    }
    if (closed) return;
    if (!response.ok) {
      const error = await refused(response);
      if (error.kind === 'busy' || response.status >= 502) retry();
      else on.failed(error);
      return;
    }
    tries = 0;
    if (isLost) {
      isLost = false;
      if (on.back) on.back();
    }
    await readAll(response);
  }

  async function readAll(response) {
    let finished = false;
    try {
      finished = canStream ? await readStream(response) : readText(await response.text());
    } catch (error) {
      finished = false; // the connection broke: it is made again
    }
    if (closed) return;
    if (finished && !again) {
      closed = true;
      on.end();
    } else {
      retry();
    }
  }

  async function readStream(response) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const piece = await reader.read();
      if (closed) return false;
      if (piece.done) return lastName === 'done';
      const blocks = (rest + decoder.decode(piece.value, { stream: true })).split('\n\n');
      rest = blocks.pop();
      blocks.forEach(readBlock);
    }
  }

  function readText(text) {
    text.split('\n\n').forEach(readBlock);
    return lastName === 'done';
  }

  let lastName = '';
  function readBlock(block) {
    let name = 'message';
    let data = '';
    block.split('\n').forEach((line) => {
      if (line.slice(0, 6) === 'event:') name = line.slice(6).trim();
      else if (line.slice(0, 5) === 'data:') data += line.slice(5).trim();
    });
    if (!data || closed) return; // comments keep the connection awake
    lastName = name;
    on.event(name, JSON.parse(data));
  }

  /** A phone that wakes up, or a network that is back, does not wait for the next try. */
  function wake() {
    if (timer && document.visibilityState !== 'hidden') start();
  }

  window.addEventListener('online', wake);
  document.addEventListener('visibilitychange', wake);
  start();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      window.removeEventListener('online', wake);
      document.removeEventListener('visibilitychange', wake);
      if (abort) abort.abort();
    },
  };
}

export const canFollow = canStream;
