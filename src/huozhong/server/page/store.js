// What the browser remembers: settings, and the one current conversation.

const PREFIX = 'huozhong.';

/** temperature null: whatever the model's makers found best. */
export const DEFAULTS = Object.freeze({ thinking: true, temperature: null, system: '' });

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

function readObject(key) {
  try {
    const value = JSON.parse(read(key));
    return value && typeof value === 'object' ? value : {};
  } catch (error) {
    return {}; // written by something else: start afresh
  }
}

export function loadSettings() {
  const saved = readObject('settings');
  return {
    thinking: typeof saved.thinking === 'boolean' ? saved.thinking : DEFAULTS.thinking,
    temperature: typeof saved.temperature === 'number' ? saved.temperature : DEFAULTS.temperature,
    system: typeof saved.system === 'string' ? saved.system : DEFAULTS.system,
  };
}

export function saveSettings(settings) {
  return write('settings', JSON.stringify(settings));
}

export function emptyConversation() {
  return { messages: [], spent: { answers: 0, joules: 0, money: 0, currency: '', measured: true }, draft: '' };
}

/**
 * The conversation as it was left.  A message is {role, content} and, for answers, also reasoning, thinkMs,
 * state ('live' | 'done' | 'stopped' | 'length' | 'error'), usage, error {kind, message} and, for a fixed text, rule
 * {id, kind, numbers}.
 */
export function loadConversation() {
  const saved = readObject('conversation');
  const conversation = emptyConversation();
  if (Array.isArray(saved.messages)) {
    conversation.messages = saved.messages.filter(
      (message) => message && typeof message.content === 'string' && /^(user|assistant)$/.test(message.role)
    );
  }
  if (saved.spent && saved.spent.answers > 0) Object.assign(conversation.spent, saved.spent);
  if (typeof saved.draft === 'string') conversation.draft = saved.draft;
  conversation.messages.forEach((message) => {
    if (message.state === 'live') message.state = 'reloaded';
  });
  return conversation;
}

export function saveConversation(conversation) {
  // HTML made by the server is not kept: what is shown is always freshly rendered and cleaned.
  const text = JSON.stringify(conversation, (key, value) => (key === 'html' || key === 'reasoningHtml' ? undefined : value));
  return write('conversation', text);
}
