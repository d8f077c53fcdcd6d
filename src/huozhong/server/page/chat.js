// The conversation that is open: its tree, the way that is shown, asking, and following what the server writes.

import { ApiError, ask, conversationPath } from './api.js';
import { $, showFound, toast } from './dom.js';
import { createLive } from './follow.js';
import { total } from './format.js';
import { t } from './i18n.js';
import { readObject, settingsFrom, told } from './kept.js';
import { createLook } from './look.js';
import { createTeller } from './tell.js';
import { families, leafUnder, siblings, union, wayTo } from './tree.js';
import { createView } from './view.js';

function empty() {
  return { id: null, title: '', model: null, leaf: null, settings: settingsFrom(readObject('settings')), messages: [] };
}

/**
 * scroll: {toEnd(), follow()}.  on: {changed(): something that others show, opened(conversation), failed(ApiError),
 * folds(), unsent(text, files): a question that the server does not have must not be lost}.
 */
export function createChat(scroll, on) {
  let chat = empty(); // of one conversation always the same object
  let look = null; // what the server says of this conversation
  let teller = null; // what the server is told of it
  let way = []; // the messages that are shown, from the root to the leaf
  let views = new Map(); // message -> view; also those that are not shown, with what the reader opened or wrote there
  let sending = false; // the server has not said yet what a new message's id is
  let turn = 0; // counts what was to be opened: a late answer about another conversation is dropped
  let opening = null; // a promise of whether it was shown

  const actions = {
    edit,
    again: (message) => again(message),
    goOn: (message) => act('/continue', message),
    decide: (message, call, allow) => act('/calls', message, { call, allow }),
    walk: (message, step) => walk(message, step),
    newChat: () => start(),
    resend: (message) => resend(message),
    shorten: (message) => on.shorten(way[way.indexOf(message) - 1]),
    folds: on.folds,
    isBusy: () => isBusy(),
    total: () => total(chat.messages),
  };

  // -- showing -----------------------------------------------------------------------------

  /** Nodes that are there already are not moved: what is written, opened or focused in them stays. */
  function show() {
    const log = $('log');
    way = wayTo(chat.messages, chat.leaf);
    way.forEach((message) => views.has(message) || views.set(message, createView(message, actions)));
    const nodes = way.map((message) => views.get(message).node);
    const wanted = new Set(nodes);
    Array.from(log.children).forEach((node) => {
      if (!wanted.has(node)) node.remove();
    });
    refresh();
    let next = log.firstChild;
    nodes.forEach((node) => {
      if (node === next) next = next.nextSibling;
      else log.insertBefore(node, next);
    });
  }

  function refresh() {
    const busy = isBusy();
    const beside = families(chat.messages);
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
    $('welcome').hidden = way.length > 0 || opening !== null;
    $('log').setAttribute('aria-busy', String(busy));
    on.changed();
  }

  function isBusy() {
    return sending || live.message() !== null;
  }

  function last() {
    return way.length ? way[way.length - 1] : null;
  }

  // -- opening -----------------------------------------------------------------------------

  /** Another conversation takes this one's place. */
  function leave(next) {
    live.stop();
    drop();
    if (look) look.close();
    if (teller) teller.flush();
    sending = false;
    views = new Map();
    way = [];
    chat = next;
    look = createLook({
      see: () => ask('GET', conversationPath(next.id), undefined, { cache: 'no-store' }), // nothing kept for later
      isHeld: () => !next.id || (sending && chat === next),
      taken(whole) {
        merge(whole);
        scroll.follow();
      },
      failed: (error) => error.kind === 'gone' && toast(t('goneElsewhere')),
    });
    teller = createTeller({
      path: () => next.id && conversationPath(next.id),
      changed: look.changed,
      // Where to begin the next time is not worth a word.
      failed: (error, sent) => (sent.settings || sent.model !== undefined) && on.failed(error),
    });
  }

  function start() {
    turn += 1;
    opening = null;
    leave(empty());
    show();
    on.opened(chat);
  }

  /** Resolves to whether it was shown.  Until then what is open stays. */
  function open(id, messageId) {
    const mine = (turn += 1);
    const opened = fetchAndShow(id, messageId, mine);
    const over = () => {
      if (opening === opened) opening = null;
    };
    opening = opened;
    opened.then(over, over);
    return opened;
  }

  async function fetchAndShow(id, messageId, mine) {
    const whole = await ask('GET', conversationPath(id));
    if (turn !== mine) return false;
    opening = null;
    if (id === chat.id) {
      look.soon(); // what was fetched may be older than what is shown
      chat.messages = union(chat.messages, whole.messages);
    } else {
      const { conversation } = whole;
      leave({ id, title: conversation.title, model: null, leaf: null, settings: null, messages: [] });
      merge(whole);
    }
    const found = messageId && chat.messages.find((message) => message.id === messageId);
    if (found && way.indexOf(found) < 0) stepTo(leafUnder(chat.messages, found).id);
    on.opened(chat);
    if (found) showMessage(found);
    else scroll.toEnd();
    return true;
  }

  function showMessage(message) {
    showFound(views.get(message).node);
  }

  /** Takes over what the server says of the conversation, but for what the server does not know yet. */
  function merge(whole) {
    const info = whole.conversation;
    const isWriting = way.some((message) => views.get(message).isEditing());
    chat.title = info.title;
    if (!teller.isUntold('model')) chat.model = info.model;
    if (!teller.isUntold('settings')) chat.settings = settingsFrom(info.settings);
    const known = new Map(chat.messages.map((message) => [message.id, message]));
    whole.messages.forEach((message) => known.has(message.id) && renew(known.get(message.id), message));
    chat.messages = union(chat.messages, whole.messages);
    if (!teller.isUntold('leaf') && !isWriting && !unsentQuestion()) chat.leaf = info.leaf;
    show();
    watch();
    if (chat.messages.some((message) => message.later)) typeset();
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

  /** A message that is known already is now as the server says. */
  function renew(message, now) {
    if (live.message() === message) return; // its stream says it better
    if (message.state === now.state && message.content === now.content && message.error === now.error) return;
    Object.assign(message, now);
    if (now.state === 'running') views.delete(message);
    else if (views.has(message) && message.role === 'assistant') views.get(message).finish();
  }

  /** Follows the shown answer, if the server is still writing it. */
  function watch() {
    const message = last();
    if (live.message() && live.message() !== message) live.stop();
    if (live.message() || !message || message.state !== 'running' || message.local) return;
    live.start(message);
    refresh();
  }

  const live = createLive({
    grew(message) {
      if (!views.has(message)) return;
      const view = views.get(message);
      const question = way.length > 1 ? way[way.length - 2].content : '';
      view.refresh({ busy: true, question, first: way.length < 3, last: true, lastQuestion: false, index: 0, count: 1 });
      view.grow();
      scroll.follow();
    },
    finished(message) {
      look.changed();
      refresh();
      scroll.follow();
      if (views.has(message)) views.get(message).finish().then(scroll.follow);
    },
    failed(message, error) {
      message.state = 'cut';
      look.changed();
      refresh();
      on.failed(error);
    },
  });

  // -- asking ------------------------------------------------------------------------------

  /** The conversation is one that the server knows. */
  async function ready(here, teller) {
    if (here.id) return;
    const settings = told(here.settings);
    Object.keys(settings).forEach((name) => settings[name] === null && delete settings[name]);
    teller.forget(); // what is changed from here on comes after it
    const made = await ask('POST', '/house/conversations', here.model ? { model: here.model, settings } : { settings });
    here.id = made.id;
    here.title = made.title;
    if (here === chat) on.opened(here);
  }

  /** A request that makes new messages; act(here, teller) resolves to what it returns, null where it failed. */
  async function request(act, failed) {
    const here = chat;
    sending = true;
    look.changed();
    show();
    let result = null;
    let failure = null;
    try {
      result = await act(here, teller);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failure = error;
    }
    if (here === chat) sending = false;
    if (failure) failed(failure, here === chat);
    if (here !== chat) return null;
    look.changed();
    return result;
  }

  /** Shows a question and its growing answer at once, and hands it to the server. */
  async function question(text, parent, files) {
    const seq = chat.messages.length + 1e9; // until the server says better: after all others
    const asked = { id: '?question', parent, seq, role: 'user', content: text, state: 'done', local: true };
    asked.files = files || [];
    const answer = { id: '?answer', parent: asked.id, seq: seq + 1, role: 'assistant', content: '', reasoning: '', state: 'running', local: true };
    chat.messages.push(asked, answer);
    chat.leaf = answer.id;
    const sent = request(async (here, teller) => {
      await ready(here, teller);
      await teller.flush(); // what was set before the question holds for it
      return ask('POST', conversationPath(here.id, '/ask'), {
        parent,
        content: text,
        files: asked.files.map((file) => file.id),
      });
    }, (error, isHere) => {
      if (!isHere) {
        on.unsent(text, asked.files);
        return;
      }
      Object.assign(answer, { state: 'failed', finish: error.kind, error: error.message });
      refresh();
    });
    scroll.toEnd();
    const result = await sent;
    if (result) {
      Object.assign(asked, result.question, { local: false });
      Object.assign(answer, result.answer, { local: false });
      chat.messages = chat.messages.filter((message) => message === asked || message === answer || (message.id !== asked.id && message.id !== answer.id));
      chat.leaf = answer.id;
      show();
      watch();
    }
    scroll.follow();
  }

  function edit(message, text) {
    if (isBusy()) return;
    drop();
    question(text, message.parent, message.files);
  }

  /** What never reached the server is sent once more. */
  function resend(answer) {
    const asked = chat.messages.find((message) => message.id === answer.parent);
    forget(asked);
    question(asked.content, asked.parent, asked.files);
  }

  function unsentQuestion() {
    return chat.messages.find((message) => message.local && message.role === 'user');
  }

  /** Takes a question that never reached the server away again. */
  function forget(asked) {
    chat.messages = chat.messages.filter((message) => message !== asked && message.parent !== asked.id);
    chat.leaf = asked.parent;
  }

  /** The same, and its words go back to who wrote them; one that is on its way may still arrive. */
  function drop() {
    const asked = unsentQuestion();
    if (!asked || sending) return;
    forget(asked);
    on.unsent(asked.content, asked.files);
  }

  async function act(path, message, more) {
    if (isBusy()) return;
    drop();
    const result = await request((here) => ask('POST', conversationPath(here.id, path), Object.assign({ message: message.id }, more)), (error, isHere) => {
      if (isHere) refresh();
      on.failed(error);
    });
    if (!result) return;
    const old = chat.messages.find((one) => one.id === result.answer.id);
    if (old) views.delete(old);
    chat.messages = chat.messages.filter((one) => one !== old).concat(result.answer);
    chat.leaf = result.answer.id;
    show();
    if (old && views.has(result.answer)) views.get(result.answer).grow();
    scroll.toEnd();
    watch();
  }

  const again = (message) => act('/again', message);

  function stop() {
    const message = live.message();
    if (!message) return;
    ask('POST', '/house/messages/' + encodeURIComponent(message.id) + '/stop', {}).catch(on.failed);
  }

  function walk(message, step) {
    const group = siblings(chat.messages, message);
    const next = group[group.indexOf(message) + step];
    if (!next) return;
    stepTo(leafUnder(chat.messages, next).id);
    // The arrow that was pressed is gone with its message: the same one of the message that is shown now gets the focus.
    const buttons = views.get(next).node.querySelectorAll('.walk button');
    const wanted = buttons[step < 0 ? 0 : 1];
    (wanted.disabled ? buttons[step < 0 ? 1 : 0] : wanted).focus();
  }

  function stepTo(leaf) {
    chat.leaf = leaf;
    show();
    watch();
    const message = last();
    if (!message.local) teller.tell({ leaf: message.id }); // where to begin the next time
  }

  // -- others ------------------------------------------------------------------------------

  /** Another tab or device has changed something, or the connection was lost. */
  function reload() {
    if (!chat.id) return;
    teller.flush();
    look.soon();
  }

  /** A message of some conversation is now in that state. */
  function heard(tiding) {
    if (tiding.conversation !== chat.id) return;
    const known = chat.messages.find((message) => message.id === tiding.id);
    const isFollowed = live.message() !== null && live.message() === known;
    if (!known || (known.state !== tiding.state && !isFollowed)) reload();
  }

  leave(chat);
  return {
    start,
    open,
    show,
    stop,
    reload,
    heard,
    ask: (text, files) => {
      if (isBusy()) return;
      const unsent = unsentQuestion();
      if (unsent) forget(unsent); // another takes its place
      const now = wayTo(chat.messages, chat.leaf);
      question(text, now.length ? now[now.length - 1].id : null, files);
    },
    /** Waits for what is being opened; whether it is open now. */
    async settled() {
      while (opening) if (!(await opening.catch(() => false))) return false;
      return true;
    },
    again: () => last() && last().role === 'assistant' && again(last()),
    editLast() {
      const asked = way.filter((message) => message.role === 'user').pop();
      if (asked && !isBusy() && !asked.local) views.get(asked).edit();
    },
    edit,
    /** A question that the server does not have: it is to be written down elsewhere. */
    unsent: () => (unsentQuestion() || { content: '' }).content,
    isBusy,
    isEmpty: () => way.length === 0,
    lastAnswer: () => way.filter((message) => message.role === 'assistant').pop() || null,
    current: () => chat,
    settings: () => chat.settings,
    /** Other settings, told to the server after so many ms. */
    change(values, delay) {
      chat.settings = Object.assign({}, chat.settings, values);
      teller.tell({ settings: told(chat.settings) }, delay);
    },
    setModel(name) {
      chat.model = name;
      teller.tell({ model: name });
    },
    rename(title) {
      chat.title = title;
    },
  };
}
