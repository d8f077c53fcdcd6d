// The chat page: state, and what each button and key does.

import { ApiError, chat, createStopper, info } from './api.js';
import { addToTotal, total } from './format.js';
import { label, language, t, translate } from './i18n.js';
import { bindSettings } from './settings.js';
import { emptyConversation, loadConversation, loadSettings, read, saveConversation, write } from './store.js';
import { createView, element, fitHeight, icon, isPlainEnter, setIcon } from './view.js';

const $ = (id) => document.getElementById(id);
const PAINT_INTERVAL = 40; // ms; an old phone keeps up with this
const SAVE_INTERVAL = 1000; // ms
const AGAIN_TEMPERATURE = 0.7; // asking again at 0 would only repeat the answer

const root = document.documentElement;
const settings = loadSettings();
const darkPreference = window.matchMedia('(prefers-color-scheme: dark)');
let conversation = loadConversation();
let views = [];
let current = null; // {stopper, message, view} while an answer is being written
let model = null; // what /page/info says
let touching = false; // a finger is on the conversation
let lastTop = 0; // where the conversation was scrolled to
let following = true; // whether the reader is at the end, so that the page scrolls along
let leaving = false;
let storageWarned = false;
let toastTimer = 0;

// -- saying things -------------------------------------------------------------------------

function toast(text, actionText, action) {
  const box = $('toast');
  clearTimeout(toastTimer);
  box.textContent = text;
  if (action) {
    const button = box.appendChild(element('button', '', actionText));
    button.type = 'button';
    button.addEventListener('click', () => {
      box.textContent = '';
      action();
    });
  }
  toastTimer = setTimeout(() => {
    box.textContent = '';
  }, action ? 8000 : 2500);
}

const actions = {
  edit(message, text) {
    conversation.messages.splice(conversation.messages.indexOf(message));
    send(text);
  },
  again() {
    conversation.messages.pop();
    answer(true);
  },
  newChat,
  folds: () => model !== null && model.acts === true,
  notify: (key) => toast(t(key)),
};

function save() {
  conversation.draft = $('input').value;
  if (!saveConversation(conversation) && !storageWarned && conversation.messages.length) {
    storageWarned = true;
    toast(t('storageFull'));
  }
}

// -- showing -------------------------------------------------------------------------------

/** Makes the page show the conversation: reuses the views of messages that it shows already. */
function show() {
  const log = $('log');
  const kept = new Map(views.map((view) => [view.message, view]));
  views = conversation.messages.map((message) => kept.get(message) || createView(message, actions));
  const wanted = new Set(views.map((view) => view.node));
  Array.from(log.children).forEach((node) => {
    if (!wanted.has(node)) node.remove();
  });
  views.forEach((view) => {
    if (!view.node.parentNode) log.appendChild(view.node);
  });
  refresh();
}

function refresh() {
  const busy = current !== null;
  let lastQuestion = -1;
  views.forEach((view, index) => {
    if (view.message.role === 'user') lastQuestion = index;
  });
  views.forEach((view, index) => {
    view.refresh({ busy, last: index === views.length - 1, lastQuestion: index === lastQuestion });
  });
  $('welcome').hidden = views.length > 0;
  $('log').setAttribute('aria-busy', String(busy));
  $('total').textContent = total(conversation.spent);
  refreshSend();
}

function refreshSend() {
  const button = $('send');
  const busy = current !== null;
  button.classList.toggle('stop', busy);
  setIcon(button, busy ? 'stop' : 'up');
  label(button, busy ? 'stop' : 'send');
  button.disabled = !busy && !$('input').value.trim();
}

function showCards() {
  const list = $('cards');
  list.textContent = '';
  t('cards').forEach(([name, title, prompt]) => {
    const card = list.appendChild(element('li')).appendChild(element('button', 'card'));
    card.type = 'button';
    const head = card.appendChild(element('b'));
    head.appendChild(icon(name));
    head.appendChild(element('span', '', title));
    const text = card.appendChild(element('span', 'prompt', prompt));
    text.lang = /^[\x20-\x7e]*$/.test(prompt) ? 'en' : 'zh-CN';
    card.addEventListener('click', () => send(prompt));
  });
}

function showModel() {
  if (!model) return;
  $('model').textContent = model.model;
  const context = model.max_context ? ' · ' + t('context', { count: model.max_context }) : '';
  $('about').textContent = model.model + context;
}

function showTheme() {
  const dark = root.getAttribute('data-theme') === 'dark';
  setIcon($('theme'), dark ? 'sun' : 'moon');
  label($('theme'), dark ? 'light' : 'dark');
  document.querySelector('meta[name=theme-color]').content = getComputedStyle(document.body).backgroundColor;
}

function setTheme(theme, remember) {
  root.setAttribute('data-theme', theme);
  // Back at what the system says: follow the system again.
  if (remember) write('theme', (theme === 'dark') === darkPreference.matches ? null : theme);
  showTheme();
}

function setLanguage(name) {
  root.lang = name === 'en' ? 'en' : 'zh-CN';
  translate(document);
  document.title = t('brand') + (language() === 'zh' ? ' Huozhong' : ' 火种');
  showCards();
  showModel();
  showTheme();
  refresh();
}

function toEnd() {
  const scroller = $('scroll');
  scroller.scrollTop = views.length ? scroller.scrollHeight : 0; // the welcome is read from its top
  lastTop = scroller.scrollTop;
  following = true;
  $('to-end').hidden = true;
}

function onScroll() {
  const scroller = $('scroll');
  const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  // The page itself only ever scrolls down: a step up is the reader's, however small it is.
  if (scroller.scrollTop < lastTop && below > 4) following = false;
  else if (scroller.scrollTop > lastTop && below < 40) following = true;
  lastTop = scroller.scrollTop;
  $('to-end').hidden = following || !views.length;
}

/** The page scrolls along with a growing answer, unless the reader is looking elsewhere. */
function follow() {
  if (following && !touching) toEnd();
}

// -- talking -------------------------------------------------------------------------------

function send(text) {
  if (current || !text.trim()) return;
  conversation.messages.push({ role: 'user', content: text.trim() });
  answer(false);
  // On a touch screen, focus would raise the keyboard over the answer.
  if (window.matchMedia('(hover: hover)').matches) $('input').focus();
}

function temperature() {
  if (settings.temperature !== null) return settings.temperature;
  return model && typeof model.temperature === 'number' ? model.temperature : 1;
}

/** The conversation as the API wants it: without thoughts, and without questions that were never answered. */
function requestFor(again) {
  const messages = [];
  if (settings.system.trim()) messages.push({ role: 'system', content: settings.system.trim() });
  conversation.messages.forEach((message, index) => {
    const next = conversation.messages[index + 1];
    if (message.role === 'user' && (!next || next.content || next.state === 'live')) {
      messages.push({ role: 'user', content: message.content });
    } else if (message.role === 'assistant' && message.content) {
      messages.push({ role: 'assistant', content: message.content });
    }
  });
  const request = { model: model.model, messages, thinking: { type: settings.thinking ? 'enabled' : 'disabled' } };
  if (again) request.temperature = Math.max(temperature(), AGAIN_TEMPERATURE);
  else if (settings.temperature !== null) request.temperature = settings.temperature;
  return request;
}

async function answer(again) {
  const message = { role: 'assistant', content: '', reasoning: '', state: 'live', usage: null };
  conversation.messages.push(message);
  const stopper = createStopper();
  current = { stopper, message };
  show();
  const view = views[views.length - 1];
  toEnd();
  save();
  const receive = receiver(message, view);
  try {
    if (!model) await loadModel();
    const result = await chat(requestFor(again), stopper, receive);
    message.usage = result.usage;
    message.state = result.finish === 'length' ? 'length' : 'done';
    addToTotal(conversation.spent, result.usage);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    message.state = error.kind === 'stopped' ? 'stopped' : leaving ? 'reloaded' : 'error';
    if (message.state === 'error') message.error = { kind: error.kind, message: error.message };
  }
  receive.done();
  if (current && current.message === message) current = null;
  if (conversation.messages.indexOf(message) < 0) return; // a new chat was begun meanwhile
  refresh();
  follow();
  save();
  await view.finish();
  follow();
  if (!message.html) return;
  // The server typesets again: so do those earlier answers for which it was not there.
  views.forEach((other) => {
    if (other.message.role === 'assistant' && other.message.content && !other.message.html) other.finish();
  });
}

/** Collects the pieces of one answer into `message`, and paints and saves now and then. */
function receiver(message, view) {
  let thinkingSince = 0;
  let painting = 0;
  let saved = Date.now();
  function paint() {
    painting = 0;
    if (message.state !== 'live') return;
    view.grow();
    follow();
    if (Date.now() - saved > SAVE_INTERVAL) {
      saved = Date.now();
      save();
    }
  }
  function receive(delta) {
    if (delta.reasoning && !thinkingSince) thinkingSince = Date.now();
    if (delta.content && thinkingSince && message.thinkMs === undefined) message.thinkMs = Date.now() - thinkingSince;
    message.reasoning += delta.reasoning;
    message.content += message.content ? delta.content : delta.content.replace(/^\s+/, '');
    if (!painting) painting = setTimeout(paint, PAINT_INTERVAL);
  }
  receive.done = () => {
    clearTimeout(painting);
    if (thinkingSince && message.thinkMs === undefined) message.thinkMs = Date.now() - thinkingSince;
  };
  return receive;
}

async function loadModel() {
  try {
    model = await info();
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError('offline');
  }
  showModel();
}

function newChat() {
  if (current) current.stopper.stop();
  current = null;
  const old = conversation;
  conversation = emptyConversation();
  show();
  save();
  $('input').focus();
  $('to-end').hidden = true;
  if (!old.messages.length) return;
  toast(t('cleared'), t('undo'), () => {
    if (conversation.messages.length) return; // something new was begun: that stays
    conversation = old;
    show();
    toEnd();
    save();
  });
}

// -- hands ---------------------------------------------------------------------------------

function onInput() {
  fitHeight($('input'));
  refreshSend();
}

function submit(event) {
  event.preventDefault();
  const input = $('input');
  if (current) {
    current.stopper.stop();
  } else if (input.value.trim()) {
    const text = input.value;
    input.value = '';
    onInput();
    send(text);
  }
}

function onKey(event) {
  const typing = /^(TEXTAREA|INPUT)$/.test(event.target.tagName);
  if (event.key === 'Escape') {
    if (popover.isOpen()) popover.close();
    else if (current) current.stopper.stop();
  } else if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $('input').focus();
  }
}

/** Chrome learned MathML in version 109: without it, the style sheet draws the formulas. */
function detectMathML() {
  const probe = element('div');
  probe.innerHTML = '<math><mspace height="23px" width="77px"></mspace></math>';
  document.body.appendChild(probe);
  const box = probe.querySelector('mspace').getBoundingClientRect();
  root.classList.toggle('no-mathml', Math.abs(box.height - 23) > 1);
  probe.remove();
}

const popover = bindSettings(settings, temperature);
detectMathML();
$('input').value = conversation.draft;
show();
setLanguage(language());
onInput();
toEnd();
loadModel().catch(() => {}); // asked again, and reported, when the first question is sent

$('composer').addEventListener('submit', submit);
$('input').addEventListener('input', onInput);
$('input').addEventListener('keydown', (event) => {
  if (!isPlainEnter(event)) return;
  event.preventDefault();
  if (!current) submit(event);
});
$('new').addEventListener('click', newChat);
$('theme').addEventListener('click', () => setTheme(root.getAttribute('data-theme') === 'dark' ? 'light' : 'dark', true));
$('language').addEventListener('click', () => {
  const next = language() === 'zh' ? 'en' : 'zh';
  write('language', next);
  setLanguage(next);
});
$('scroll').addEventListener('scroll', onScroll, { passive: true });
// While an answer grows, the next step down may come before the scroll event of the reader's step up.
$('scroll').addEventListener('wheel', (event) => {
  if (event.deltaY < 0 && $('scroll').scrollTop > 0) following = false;
}, { passive: true });
['touchstart', 'touchend', 'touchcancel'].forEach((name) => {
  $('scroll').addEventListener(name, (event) => {
    touching = event.touches.length > 0;
  }, { passive: true });
});
$('to-end').addEventListener('click', toEnd);
document.addEventListener('keydown', onKey);
window.addEventListener('pagehide', save);
window.addEventListener('beforeunload', () => {
  leaving = true; // the browser breaks the connection now: that is no error to be shown after a reload
  setTimeout(() => {
    leaving = false;
  }, 3000);
});
if (darkPreference.addEventListener) {
  darkPreference.addEventListener('change', () => {
    if (!read('theme')) setTheme(darkPreference.matches ? 'dark' : 'light', false);
  });
}
if (window.matchMedia('(hover: hover)').matches) $('input').focus();
