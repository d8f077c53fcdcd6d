// The conversation that is open: its tree, the way that is shown, asking, and following what the server writes.

import { ApiError, ask, conversationPath } from './api.js';
import { $, toast } from './dom.js';
import { follow } from './follow.js';
import { total } from './format.js';
import { t } from './i18n.js';
import { DEFAULTS, readObject, settingsFrom } from './kept.js';
import { leafUnder, siblings, wayTo } from './tree.js';
import { createView } from './view.js';

const PAINT_INTERVAL = 40; // ms; an old phone keeps up with this
const REFRESH_DELAY = 60; // ms; several tidings of one change are one look

function empty() {
  return { id: null, title: '', model: null, leaf: null, settings: settingsFrom(readObject('settings')), messages: [] };
}

/** What the server is told of settings: null takes an earlier choice back. */
function told(settings) {
  return { thinking: settings.thinking, temperature: settings.temperature, system: settings.system.trim() || null };
}

/**
 * scroll: {toEnd(), follow()}.  on: {changed(): something that others show, opened(conversation), failed(ApiError),
 * folds()}.
 */
export function createChat(scroll, on) {
  let chat = empty();
  let saving = null; // a change of settings on its way
  let walks = 0; // steps between versions so far
  let untold = 0; // those of them that the server has not confirmed
  let way = []; // the messages that are shown, from the root to the leaf
  let views = new Map(); // message -> view
  let following = null; // {message, close()}
  let sending = false; // the server has not said yet what a new message's id is
  let painting = 0;
  let refreshing = 0;
  let turn = 0; // counts what was opened: a late answer about another conversation is dropped
  let changed = false; // somebody else has changed this conversation while a question was being sent

  const actions = {
    edit: (message, text) => question(text, message.parent, message.files),
    again: (message) => again(message),
    goOn: (message) => goOn(message),
    walk: (message, step) => walk(message, step),
    newChat: () => start(),
    resend: (message) => resend(message),
    shorten: (message) => on.shorten(way[way.indexOf(message) - 1]),
    folds: on.folds,
    total: () => total(chat.messages),
  };

  // -- showing -----------------------------------------------------------------------------

  function show() {
    const log = $('log');
    way = wayTo(chat.messages, chat.leaf);
    const kept = views;
    views = new Map(way.map((message) => [message, kept.get(message) || createView(message, actions)]));
    const wanted = new Set(Array.from(views.values()).map((view) => view.node));
    Array.from(log.children).forEach((node) => {
      if (!wanted.has(node)) node.remove();
    });
    refresh();
    const nodes = document.createDocumentFragment();
    let inOrder = true;
    way.forEach((message, index) => {
      const { node } = views.get(message);
      if (inOrder && log.children[index] === node) return;
      inOrder = false;
      nodes.appendChild(node);
    });
    log.appendChild(nodes);
  }

  function refresh() {
    const busy = isBusy();
    const beside = new Map(); // parent -> its messages: one walk through the tree, however long the chat is
    chat.messages.forEach((message) => {
      if (!beside.has(message.parent)) beside.set(message.parent, []);
      beside.get(message.parent).push(message);
    });
    beside.forEach((group) => group.sort((a, b) => a.seq - b.seq));
    let asked = '';
    way.forEach((message, index) => {
      if (message.role === 'user') asked = message.content;
      const group = beside.get(message.parent);
      views.get(message).refresh({
        busy,
        question: asked,
        first: index < 2,
        last: index === way.length - 1,
        lastQuestion: message.role === 'user' && index >= way.length - 2,
        index: group.indexOf(message),
        count: group.length,
      });
    });
    $('welcome').hidden = way.length > 0;
    $('log').setAttribute('aria-busy', String(busy));
    on.changed();
  }

  function isBusy() {
    return sending || following !== null;
  }

  function last() {
    return way.length ? way[way.length - 1] : null;
  }

  // -- opening -----------------------------------------------------------------------------

  function leave() {
    if (following) following.close();
    following = null;
    sending = false;
    clearTimeout(painting);
    painting = 0;
    turn += 1;
  }

  function start() {
    leave();
    chat = empty();
    show();
    on.opened(chat);
  }

  /** Resolves to whether it was shown. */
  async function open(id, messageId) {
    const mine = turn + 1;
    leave();
    const whole = await ask('GET', conversationPath(id));
    if (turn !== mine) return false;
    take(whole, messageId);
    on.opened(chat);
    const found = messageId && chat.messages.find((message) => message.id === messageId);
    if (found) showMessage(found);
    else scroll.toEnd();
    return true;
  }

  function showMessage(message) {
    const { node } = views.get(message);
    node.scrollIntoView({ block: 'center' });
    node.classList.add('found');
    setTimeout(() => node.classList.remove('found'), 2500);
  }

  /** Takes over what the server says of the conversation; what is shown already stays, as long as it is the same. */
  function take(whole, messageId) {
    const known = new Map(chat.messages.map((message) => [message.id, message]));
    const info = whole.conversation;
    const isSame = chat.id === info.id;
    const messages = whole.messages.map((message) => {
      const old = isSame ? known.get(message.id) : null;
      if (!old) return message;
      if (old.state === message.state && old.state !== 'running' && old.content === message.content) return old;
      if (following && following.message === old && message.state === 'running') return old;
      views.delete(old);
      if (following && following.message === old) unfollow();
      return message;
    });
    chat = { id: info.id, title: info.title, model: info.model, settings: settingsFrom(info.settings), messages, leaf: info.leaf };
    const wanted = messageId && messages.find((message) => message.id === messageId);
    if (wanted) chat.leaf = leafUnder(messages, wanted).id;
    show();
    watch();
    if (messages.some((message) => message.later)) typeset();
  }

  /** The answers that the server had not made ready yet stand there as plain text until they are. */
  async function typeset() {
    const mine = turn;
    const { html } = await ask('GET', conversationPath(chat.id, '/html')).catch(() => ({ html: {} }));
    if (turn !== mine) return;
    chat.messages.filter((message) => message.later && html[message.id]).forEach((message) => {
      message.html = html[message.id];
      message.later = false;
      if (views.has(message)) views.get(message).finish();
    });
    scroll.follow();
  }

  function unfollow() {
    if (following) following.close();
    following = null;
  }

  /** Follows the shown answer, if the server is still writing it. */
  function watch() {
    const message = last();
    if (following && following.message !== message) unfollow();
    if (following || !message || message.state !== 'running' || message.local) return;
    const mine = turn;
    const close = () => handle.close();
    const handle = follow(message, {
      changed: () => {
        if (!painting) painting = setTimeout(paint, PAINT_INTERVAL);
      },
      done: () => finished(message, mine),
      failed: (error) => {
        if (mine !== turn) return;
        unfollow();
        message.state = 'cut';
        refresh();
        on.failed(error);
      },
    });
    following = { message, close };
    refresh();
  }

  function paint() {
    painting = 0;
    const message = following && following.message;
    if (!message || !views.has(message)) return;
    const view = views.get(message);
    view.refresh(placeOfLive());
    view.grow();
    scroll.follow();
  }

  function placeOfLive() {
    const asked = way.length > 1 ? way[way.length - 2].content : '';
    return { busy: true, question: asked, first: way.length < 3, last: true, lastQuestion: false, index: 0, count: 1 };
  }

  function finished(message, mine) {
    if (mine !== turn || !following || following.message !== message) return;
    following.close();
    following = null;
    clearTimeout(painting);
    painting = 0;
    const view = views.get(message);
    refresh();
    scroll.follow();
    if (view) view.finish().then(scroll.follow);
    else watch();
  }

  // -- asking ------------------------------------------------------------------------------

  async function ready() {
    if (chat.id) return;
    const settings = told(chat.settings);
    Object.keys(settings).forEach((name) => settings[name] === null && delete settings[name]);
    const made = await ask('POST', '/house/conversations', chat.model ? { model: chat.model, settings } : { settings });
    chat.id = made.id;
    chat.title = made.title;
    on.opened(chat);
  }

  /** Shows a question and its growing answer at once, and hands it to the server. */
  async function question(text, parent, files) {
    if (isBusy()) return;
    const mine = turn;
    const seq = chat.messages.length + 1e9; // until the server says better: after all others
    const asked = { id: '?question', parent, seq, role: 'user', content: text, state: 'done', local: true };
    asked.files = files || [];
    const answer = { id: '?answer', parent: asked.id, seq: seq + 1, role: 'assistant', content: '', reasoning: '', state: 'running', local: true };
    chat.messages.push(asked, answer);
    chat.leaf = answer.id;
    sending = true;
    show();
    scroll.toEnd();
    try {
      await ready();
      await saving; // what was set before the question holds for it
      const result = await ask('POST', conversationPath(chat.id, '/ask'), {
        parent,
        content: text,
        files: asked.files.map((file) => file.id),
      });
      if (mine !== turn) return;
      sending = false;
      Object.assign(asked, result.question, { local: false });
      Object.assign(answer, result.answer, { local: false });
      chat.leaf = answer.id;
      show();
      watch();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine !== turn) return;
      sending = false;
      Object.assign(answer, { state: 'failed', finish: error.kind, error: error.message });
      refresh();
    }
    scroll.follow();
    if (changed) reload();
  }

  /** What never reached the server is sent once more. */
  function resend(answer) {
    const asked = chat.messages.find((message) => message.id === answer.parent);
    forget(answer);
    question(asked.content, asked.parent, asked.files);
  }

  /** Takes a question that never reached the server away again. */
  function forget(answer) {
    chat.messages = chat.messages.filter((message) => message !== answer && message.id !== answer.parent);
    chat.leaf = null;
    const asked = way[way.indexOf(answer) - 1];
    if (asked && asked.parent) chat.leaf = asked.parent;
  }

  async function act(path, message) {
    if (isBusy()) return;
    const mine = turn;
    sending = true;
    refresh();
    try {
      const result = await ask('POST', conversationPath(chat.id, path), { message: message.id });
      if (mine !== turn) return;
      sending = false;
      const old = chat.messages.find((one) => one.id === result.answer.id);
      if (old) views.delete(old);
      chat.messages = chat.messages.filter((one) => one !== old).concat(result.answer);
      chat.leaf = result.answer.id;
      show();
      if (old && views.has(result.answer)) views.get(result.answer).grow();
      scroll.toEnd();
      watch();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine !== turn) return;
      sending = false;
      refresh();
      on.failed(error);
    }
    if (changed) reload();
  }

  const again = (message) => act('/again', message);
  const goOn = (message) => act('/continue', message);

  function stop() {
    if (!following) return;
    ask('POST', '/house/messages/' + encodeURIComponent(following.message.id) + '/stop', {}).catch(on.failed);
  }

  function walk(message, step) {
    const group = siblings(chat.messages, message);
    const next = group[group.indexOf(message) + step];
    if (!next) return;
    chat.leaf = leafUnder(chat.messages, next).id;
    show();
    watch();
    // The arrow that was pressed is gone with its message: the same one of the message that is shown now gets the focus.
    const buttons = views.get(next).node.querySelectorAll('.walk button');
    const wanted = buttons[step < 0 ? 0 : 1];
    (wanted.disabled ? buttons[step < 0 ? 1 : 0] : wanted).focus();
    walks += 1;
    untold += 1;
    const told = () => { untold -= 1; };
    ask('PATCH', conversationPath(chat.id), { leaf: chat.leaf }).then(told, told); // only where to begin the next time
  }

  // -- others ------------------------------------------------------------------------------

  /** Looks at the server again: another tab or device has changed something, or the connection was lost. */
  function reload() {
    changed = sending;
    if (sending || !chat.id) return;
    clearTimeout(refreshing);
    const mine = turn;
    refreshing = setTimeout(async () => {
      const before = walks;
      const wasUntold = untold > 0;
      try {
        const whole = await ask('GET', conversationPath(chat.id));
        // Who walked meanwhile, or whose step the server does not know yet, stays there.
        if (walks !== before || wasUntold || untold) whole.conversation.leaf = chat.leaf;
        if (mine === turn && !sending) take(whole, null);
        scroll.follow();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (mine === turn && error.kind === 'gone') toast(t('goneElsewhere'));
      }
    }, REFRESH_DELAY);
  }

  /** A message of some conversation is now in that state. */
  function heard(tiding) {
    if (tiding.conversation !== chat.id) return;
    const known = chat.messages.find((message) => message.id === tiding.id);
    const isFollowed = following && following.message.id === tiding.id;
    if (!known || (known.state !== tiding.state && !isFollowed)) reload();
  }

  return {
    start,
    open,
    show,
    stop,
    reload,
    heard,
    ask: (text, files) => {
      const end = last();
      if (end && end.local) forget(end);
      const now = wayTo(chat.messages, chat.leaf);
      return question(text, now.length ? now[now.length - 1].id : null, files);
    },
    again: () => last() && last().role === 'assistant' && again(last()),
    editLast() {
      const asked = way.filter((message) => message.role === 'user').pop();
      if (asked && !isBusy() && !asked.local) views.get(asked).edit();
    },
    edit: (message, text) => question(text, message.parent, message.files),
    /** A question that the server does not have: it is to be written down elsewhere. */
    unsent() {
      const asked = way.filter((message) => message.role === 'user').pop();
      return asked && asked.local ? asked.content : '';
    },
    isBusy,
    isEmpty: () => way.length === 0,
    lastAnswer: () => way.filter((message) => message.role === 'assistant').pop() || null,
    current: () => chat,
    settings: () => chat.settings,
    change(settings) {
      chat.settings = Object.assign({}, DEFAULTS, settings);
      if (!chat.id) return;
      saving = ask('PATCH', conversationPath(chat.id), { settings: told(chat.settings) }).catch(on.failed);
    },
    setModel(name) {
      chat.model = name;
      if (chat.id) ask('PATCH', conversationPath(chat.id), { model: name }).catch(on.failed);
    },
    rename(title) {
      chat.title = title;
    },
    forEachView: (act) => views.forEach((view, message) => act(view, message)),
  };
}
