// The chat page put together: what each button and key does, and what is told from one part to another.

import { ApiError, ask, canFollow, hasKey, listen } from './api.js';
import { bindAttach } from './attach.js';
import { createChat } from './chat.js';
import { $, bindLatePanel, element, fitHeight, icon, isPlainEnter, openMenu, setIcon, toast } from './dom.js';
import { bindFrame, detectMathML, hideList, isDrawerOpen, isListShown, isNarrow, showList, showTheme, toggleList } from './frame.js';
import { changeLanguage, label, t, translate } from './i18n.js';
import { oldConversation, read, write } from './kept.js';
import { bindKeys } from './keys.js';
import { language } from './language.js';
import { createList } from './list.js';
import { createMenus } from './menus.js';
import { createReading } from './reading.js';
import { bindDictation, whenVoices } from './voice.js';

const input = $('input');
const scroll = createReading();
let model = null; // what /page/info says
let me = null; // what /house/me says

// -- what is open -----------------------------------------------------------------------------

const chat = createChat(scroll, {
  changed: refreshTools,
  opened,
  failed,
  unsent,
  folds: () => model === null || model.acts === true, // nothing opens that would have to be folded again
  shorten: (message) => shorten(message.content, (text) => chat.edit(message, text)),
});

const list = createList({
  open: (id, message) => openChat(id, message),
  menu: (conversation) => menus.chatMenu(conversation),
  failed,
  loaded: () => list.choose(chat.current().id),
});

const menus = createMenus({
  chat,
  list,
  openChat,
  failed,
  person: () => me,
  showKeys: () => keys.open(),
  cleared: clearHere,
});

/** The address remembers which conversation is open, so that a reload and a bookmark find it. */
function setAddress(id) {
  const key = (/[#&](key=[^&]*)/.exec(location.hash) || [])[1];
  const parts = [key, id ? 'c=' + id : ''].filter((part) => part);
  const wanted = parts.length ? '#' + parts.join('&') : '';
  if (location.hash !== wanted) history.pushState(null, '', location.pathname + wanted);
}

function addressed() {
  return (/[#&]c=([^&]*)/.exec(location.hash) || [])[1] || null;
}

function opened(conversation) {
  setAddress(conversation.id);
  list.choose(conversation.id);
  showTitle();
  showModel();
  $('chat-menu').hidden = !conversation.id;
  scroll.toEnd();
}

async function openChat(id, message) {
  if (isNarrow.matches) hideList();
  try {
    if (await chat.open(id, message)) focusInput();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isUnkept = error.kind === 'offline' || error.kind === 'busy';
    toast(t(isUnkept ? 'notKeptHere' : error.kind === 'gone' ? 'gone' : 'error.server', { message: error.message }));
    if (!chat.current().id) chat.start();
  }
}

function newChat() {
  if (isNarrow.matches) hideList();
  chat.start();
  input.focus();
}

/** What this browser keeps of whoever sat here goes; returns what brings it back. */
function clearHere() {
  const kept = ['shelf', 'settings'].map((key) => [key, read(key)]);
  ['draft', 'shelf', 'settings'].forEach((key) => write(key, null));
  attached.take();
  chat.start();
  input.value = '';
  onInput();
  return () => kept.forEach(([key, value]) => read(key) === null && write(key, value));
}

/** A question that the server does not have goes back to where it was written. */
function unsent(text, files) {
  input.value = input.value.trim() ? text + '\n' + input.value : text;
  attached.put(files);
  onInput();
}

function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.kind === 'login') return;
  const known = ['offline', 'busy', 'gone'].indexOf(error.kind) >= 0;
  toast(t('error.' + (known ? error.kind : 'server'), { message: error.message }));
}

/** A part of the page could not be fetched. */
function offline() {
  failed(new ApiError('offline'));
}

// -- showing -----------------------------------------------------------------------------------

function refreshTools() {
  const button = $('send');
  const busy = chat.isBusy();
  button.classList.toggle('stop', busy);
  setIcon(button, busy ? 'stop' : 'up');
  label(button, busy ? 'stop' : 'send');
  button.disabled = !busy && (!input.value.trim() || attached.isBusy());
  offerBetter();
}

function showTitle() {
  const { title } = chat.current();
  $('title').textContent = title || t('brand');
  document.title = title || t('brand') + (language() === 'en' ? ' 火种' : ' Huozhong');
}

function showModel() {
  if (!model) return;
  $('model').textContent = chat.current().model || model.model;
}

// The models are a sheet of their own, which is fetched when it is first wanted.
const models = {
  current: () => chat.current().model || model.model,
  isOwner: () => me !== null && me.person.role === 'owner',
  choose(name) {
    chat.setModel(name);
    showModel();
  },
};
let declined = null; // the answer below which something better was offered

function offerBetter() {
  const answer = chat.lastAnswer();
  if (!answer || !answer.declined || answer === declined || chat.isBusy() || !model || !models.isOwner()) return;
  declined = answer;
  import('./models.js').then((sheet) => sheet.offerBelow($('log'), models, $('model'))).catch(() => {}); // an offer, no need
}

/** To an owner who begins a conversation. */
function offerFirst() {
  if (!model || !models.isOwner() || !chat.isEmpty()) return;
  import('./models.js').then((sheet) => sheet.offerFirst($('offer'), models, $('model'))).catch(() => {}); // an offer, no need
}

function about() {
  if (!model) return '';
  const context = model.max_context ? ' · ' + t('context', { count: model.max_context }) : '';
  return model.model + context + (me ? ' · ' + me.version : '');
}

function showCards() {
  const cards = $('cards');
  cards.textContent = '';
  t('cards').forEach(([name, title, prompt]) => {
    const card = cards.appendChild(element('li')).appendChild(element('button', 'card'));
    card.type = 'button';
    const head = card.appendChild(element('b'));
    head.appendChild(icon(name));
    head.appendChild(element('span', '', title));
    const text = card.appendChild(element('span', 'prompt', prompt));
    text.lang = /^[\x20-\x7e]*$/.test(prompt) ? 'en' : language();
    card.addEventListener('click', () => chat.ask(prompt));
  });
}

function showWords() {
  translate(document);
  $('language').value = language();
  showTitle();
  showCards();
  showModel();
  showTheme();
  showPerson();
  list.show();
  chat.show();
}

/** Words are fetched; and an account brings its language to other devices. */
async function chooseLanguage() {
  const name = $('language').value;
  try {
    await changeLanguage(name);
  } catch (error) {
    offline();
    return;
  }
  showWords();
  offerFirst();
  if (me && me.login) ask('PATCH', '/house/me', { language: name }).catch(failed);
}

function showPerson() {
  $('who').textContent = me && me.login ? me.person.name : '';
  const isChild = me !== null && me.person.role === 'child';
  $('settings-button').hidden = isChild;
}

function banner(key) {
  $('banner').hidden = !key;
  $('banner').textContent = key ? t(key) : '';
}

function findChat() {
  if (!isListShown()) showList();
  $('find').focus();
  $('find').select();
}

// -- asking ---------------------------------------------------------------------------------------

async function submit(event) {
  event.preventDefault();
  if (chat.isBusy()) {
    chat.stop();
    return;
  }
  if (!(await chat.settled())) return; // what was to be opened could not be: the question stays here
  const text = input.value.trim();
  if (!text || attached.isBusy() || chat.isBusy()) return;
  if (model && text.length > model.max_context / 2 && (await isTooLong(text))) return;
  sendText(text);
}

function sendText(text) {
  $('too-long').hidden = true;
  input.value = '';
  onInput();
  chat.ask(text, attached.take());
  focusInput();
}

/** Shows what can be done with a text that the model cannot read whole; whether it is one. */
async function isTooLong(text) {
  const on = { kept: () => input.focus(), shortened: sendText, file(file) {
    input.value = '';
    onInput();
    input.focus();
    attached.add([file]);
  } };
  const shorter = await import('./shorten.js').catch(() => null); // the server will say what it thinks of it
  return shorter !== null && shorter.offerShorter($('too-long'), text, model.max_context, on);
}

async function shorten(text, done) {
  try {
    done((await (await import('./shorten.js')).fitText(text, model.max_context)).text);
  } catch (error) {
    failed(error);
  }
}

function onInput() {
  fitHeight(input);
  refreshTools();
}

/** On a touch screen, focus would raise the keyboard over the answer. */
function focusInput() {
  if (window.matchMedia('(hover: hover)').matches) input.focus();
}

// -- the server ------------------------------------------------------------------------------------

async function loadModel() {
  model = await ask('GET', '/page/info');
  showModel();
}

async function loadMe() {
  me = await ask('GET', '/house/me');
  showPerson();
}

/** The one conversation that earlier versions kept in the browser moves into the house. */
async function moveOld() {
  const messages = oldConversation();
  if (!messages) {
    write('conversation', null);
    return;
  }
  const chats = [{ format: 'huozhong-conversation', version: 1, messages }];
  await ask('POST', '/house/import', chats);
  write('conversation', null);
  await list.load();
}

/** Never rejects: the banner says that the server is off, and all is asked again when it is back. */
function askAll() {
  return Promise.all([loadModel(), loadMe(), list.load().then(moveOld)].map((one) => one.catch(() => {})));
}

function listenToHouse() {
  if (!canFollow) return;
  listen('/house/events', {
    event(name, data) {
      if (name === 'conversation') {
        list.update(data.conversation);
        if (data.conversation.id !== chat.current().id) return;
        chat.rename(data.conversation.title);
        showTitle();
      } else if (name === 'deleted') {
        list.remove(data.id);
        if (data.id !== chat.current().id || menus.isDeleting(data.id)) return;
        chat.start();
        toast(t('goneElsewhere'));
      } else if (name === 'imported') {
        list.load().catch(failed);
      } else if (name === 'message') {
        chat.heard(data);
      }
    },
    lost: () => banner('off'),
    back() {
      banner('');
      askAll();
      chat.reload();
    },
    end() {},
    failed,
  }, true);
}

function keepForLater() {
  if (!('serviceWorker' in navigator) || !window.isSecureContext || hasKey) return;
  navigator.serviceWorker.register('/page/sw.js', { scope: '/' }).catch(() => {}); // a private window may refuse: then only online
}

// -- hands -----------------------------------------------------------------------------------------

const settings = bindLatePanel($('settings-button'), async () => (await import('./settings.js')).bindSettings({
  settings: chat.settings,
  id: () => chat.current().id,
  isNew: () => !chat.current().id,
  change: chat.change,
  modelTemperature: () => (model && typeof model.temperature === 'number' ? model.temperature : 1),
  about,
}), offline);
const attached = bindAttach(() => refreshTools(), failed);
const shelf = bindLatePanel($('shelf-button'), async () => (await import('./shelf.js')).bindShelf(input, onInput, (key) => toast(t(key))), offline);
const keys = bindKeys({
  newChat,
  find: findChat,
  previousChat: () => beside(-1),
  nextChat: () => beside(1),
  copyAnswer() {
    const nodes = document.querySelectorAll('.answer [data-t-label=copyAnswer]');
    if (nodes.length) nodes[nodes.length - 1].click();
  },
  again: () => chat.again(),
  edit: () => chat.editLast(),
  showList: toggleList,
  settings: () => $('settings-button').hidden || settings.toggle(),
  shelf: () => shelf.toggle(),
  print: () => window.print(),
  toInput: () => input.focus(),
  escape() {
    if (isDrawerOpen()) hideList();
    else if (chat.isBusy()) chat.stop();
  },
});

function beside(step) {
  const next = list.beside(chat.current().id, step);
  if (next) openChat(next.id);
}

function bindHands() {
  $('composer').addEventListener('submit', submit);
  input.addEventListener('input', onInput);
  input.addEventListener('keydown', (event) => {
    if (!isPlainEnter(event)) return;
    event.preventDefault();
    if (!chat.isBusy()) submit(event);
  });
  $('new').addEventListener('click', newChat);
  $('new-here').addEventListener('click', newChat);
  $('chat-menu').addEventListener('click', () => {
    const { id, title } = chat.current();
    openMenu($('chat-menu'), menus.chatMenu(list.get(id) || { id, title, pinned: false }));
  });
  $('model').addEventListener('click', () => import('./models.js').then((sheet) => sheet.openModels(models, $('model'))).catch(offline));
  $('house-menu').addEventListener('click', () => openMenu($('house-menu'), menus.houseMenu()));
  $('language').addEventListener('change', chooseLanguage);
  window.addEventListener('pagehide', () => write('draft', input.value || chat.unsent() || null));
  window.addEventListener('popstate', () => {
    const id = addressed();
    if (id === chat.current().id) return;
    if (id) openChat(id);
    else chat.start();
  });
  whenVoices(() => chat.show());
  bindDictation($('dictate'), language, () => {
    const before = input.value; // what is there already stays
    const gap = /[A-Za-z0-9.,;:!?]$/.test(before) ? ' ' : '';
    return (text) => {
      input.value = before + gap + text;
      onInput();
    };
  });
}

async function begin() {
  document.documentElement.setAttribute('data-running', ''); // boot.js looks whether it came to this
  detectMathML();
  bindFrame();
  input.value = read('draft') || '';
  bindHands();
  const key = /[#&](key=[^&]*)/.exec(location.hash);
  if (key) $('apps').href += '#' + key[1];
  const id = addressed();
  if (id) openChat(id);
  else chat.start();
  showWords();
  onInput();
  focusInput();
  const tried = askAll();
  listenToHouse();
  await tried;
  offerFirst();
  menus.offerAgain();
  keepForLater();
}

begin();
