// What this browser remembers by itself: looks, the settings of new conversations, saved prompts, the draft.
// Conversations live on the server.

const PREFIX = 'huozhong.';

/** null: whatever the model's makers found best. */
export const DEFAULTS = Object.freeze({ thinking: true, temperature: null, top_p: null, max_tokens: null, system: '', tools: Object.freeze([]) });

export function read(key) {
  try {
    return window.localStorage.getItem(PREFIX + key);
  } catch (error) {
    return null; // storage is switched off
  }
}

/** Returns whether the browser kept the value; null forgets it. */
export function write(key, value) {
  try {
    if (value === null) window.localStorage.removeItem(PREFIX + key);
    else window.localStorage.setItem(PREFIX + key, value);
    return true;
  } catch (error) {
    return false; // full, or switched off: the caller tells the user
  }
}

export function readObject(key) {
  try {
    const value = JSON.parse(read(key));
    return value && typeof value === 'object' ? value : {};
  } catch (error) {
    return {}; // written by something else: start afresh
  }
}

/** Settings as the page has them, from what a conversation or this browser kept of them. */
export function settingsFrom(saved) {
  const number = (name) => (typeof saved[name] === 'number' ? saved[name] : DEFAULTS[name]);
  return {
    thinking: typeof saved.thinking === 'boolean' ? saved.thinking : DEFAULTS.thinking,
    temperature: number('temperature'),
    top_p: number('top_p'),
    max_tokens: number('max_tokens'),
    system: typeof saved.system === 'string' ? saved.system : DEFAULTS.system,
    tools: Array.isArray(saved.tools) ? saved.tools : DEFAULTS.tools,
  };
}

/** Saved prompts, newest first: texts. */
export function readShelf() {
  const saved = readObject('shelf');
  return Array.isArray(saved) ? saved.filter((text) => typeof text === 'string') : [];
}

/**
 * The one conversation that earlier versions kept in the browser, as the house imports it; null where there is none.
 * A message was {role, content} and, for answers, also reasoning, thinkMs, state, usage and rule.
 */
export function oldConversation() {
  const saved = readObject('conversation');
  if (!Array.isArray(saved.messages)) return null;
  const messages = saved.messages.filter(
    (message) => message && typeof message.content === 'string' && message.content && /^(user|assistant)$/.test(message.role)
  );
  return messages.length ? messages.map(oldMessage) : null;
}

function oldMessage(message, index) {
  const state = { live: 'cut', reloaded: 'cut', stopped: 'stopped', error: 'cut' }[message.state] || 'done';
  return {
    id: String(index),
    parent: index ? String(index - 1) : null,
    role: message.role,
    content: message.content,
    reasoning: message.reasoning || '',
    state: message.role === 'user' ? 'done' : state,
    usage: message.usage || null,
    rule: message.rule || null,
    think_ms: message.thinkMs,
  };
}

/** What the server is told of settings: null takes an earlier choice back. */
export function told(settings) {
  const { thinking, temperature, top_p, max_tokens, system, tools } = settings;
  return { thinking, temperature, top_p, max_tokens, system: system.trim() || null, tools: tools.length ? tools : null };
}
