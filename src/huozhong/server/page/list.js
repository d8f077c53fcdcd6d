// The list of conversations: search as you type, and what each line can do.

import { ask, conversationPath } from './api.js';
import { $, element, icon, iconButton, isPlainEnter, openMenu } from './dom.js';
import { t } from './i18n.js';

const SEARCH_DELAY = 150; // ms after the last key
const PAGE = 50;
const MOST = 200; // of one request
const DAY = 86400000;

/**
 * on: {open(id, message), menu(conversation): the items of its menu, failed(ApiError), loaded()}.  Returns what the
 * page does with it.
 */
export function createList(on) {
  const box = $('list');
  const input = $('find');
  let all = new Map(); // id -> conversation
  let more = false;
  let found = null; // what a search gave, or null
  let chosen = null; // id of the one that is open
  let renaming = null; // id
  let timer = 0;
  let asked = 0;
  let changes = 0;
  const changed = new Map(); // id -> which change was its last here: a look that began before it knows less
  let looks = 0;

  async function load(older) {
    const last = older ? sorted().filter((one) => !one.pinned).pop() : null;
    const count = older ? PAGE : Math.min(MOST, Math.max(PAGE, all.size)); // what was unfolded stays
    const path = '/house/conversations?limit=' + count + (last ? '&before=' + last.updated : '');
    const before = changes;
    const mine = (looks += 1);
    const page = await ask('GET', path);
    if (mine !== looks) return; // a later look is on its way
    const isNewer = (id) => changed.get(id) > before;
    const seen = page.conversations.filter((one) => !isNewer(one.id));
    const kept = Array.from(all.values()).filter((one) => older || isNewer(one.id));
    all = new Map(kept.concat(seen).map((one) => [one.id, one]));
    more = page.more;
    show();
    on.loaded();
  }

  function sorted() {
    return Array.from(all.values()).sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updated - a.updated);
  }

  function groupOf(conversation) {
    if (conversation.pinned) return 'pinned';
    const today = new Date().setHours(0, 0, 0, 0);
    if (conversation.updated >= today) return 'today';
    if (conversation.updated >= today - DAY) return 'yesterday';
    return conversation.updated >= today - 7 * DAY ? 'thisWeek' : 'earlier';
  }

  function show() {
    if (renaming) return; // whoever types a name is not disturbed
    const active = box.contains(document.activeElement) ? document.activeElement : null;
    const isMenu = active !== null && active.classList.contains('icon');
    const focused = active && (isMenu ? active.previousSibling : active).getAttribute('data-id');
    box.textContent = '';
    if (found) showFound();
    else showAll();
    const again = focused && buttonOf(focused);
    if (again) (isMenu ? again.nextSibling : again).focus();
  }

  function buttonOf(id) {
    return Array.from(box.querySelectorAll('[data-id]')).find((node) => node.getAttribute('data-id') === id);
  }

  function showAll() {
    let group = '';
    let list = null;
    sorted().forEach((conversation) => {
      if (groupOf(conversation) !== group) {
        group = groupOf(conversation);
        box.appendChild(element('h2', 'group', t(group)));
        list = box.appendChild(element('ul'));
      }
      list.appendChild(line(conversation));
    });
    if (!all.size) box.appendChild(element('p', 'note', t('listEmpty')));
    if (more) {
      const button = box.appendChild(element('button', 'plain', t('olderChats')));
      button.type = 'button';
      button.addEventListener('click', () => load(true).catch(on.failed));
    }
  }

  function showFound() {
    if (!found.length) {
      box.appendChild(element('p', 'note', t('nothingFound')));
      return;
    }
    const list = box.appendChild(element('ul'));
    found.forEach((conversation) => list.appendChild(line(conversation)));
  }

  function line(conversation) {
    const row = element('li', 'item');
    const button = row.appendChild(element('button', 'open'));
    button.type = 'button';
    button.setAttribute('data-id', conversation.id);
    if (conversation.id === chosen) {
      row.classList.add('chosen');
      button.setAttribute('aria-current', 'true');
    }
    if (conversation.pinned) button.appendChild(icon('pin'));
    const words = button.appendChild(element('span', 'words'));
    const name = words.appendChild(element('span', 'name', conversation.title || t('untitled')));
    name.dir = 'auto';
    if (found && conversation.snippet) words.appendChild(marked(conversation.snippet, input.value));
    if (conversation.running) {
      const dot = button.appendChild(element('span', 'waiting'));
      dot.setAttribute('role', 'img');
      dot.setAttribute('aria-label', t('answering'));
    }
    button.addEventListener('click', () => on.open(conversation.id, conversation.message));
    // The list may have been written anew while the menu was open.
    const back = () => (buttonOf(conversation.id) || button).nextSibling;
    const menu = row.appendChild(iconButton('more', 'chatMenu', () => openMenu(menu, on.menu(conversation), back)));
    menu.setAttribute('aria-label', t('chatMenuOf', { title: conversation.title || t('untitled') }));
    menu.removeAttribute('data-t-label'); // its name holds a title: it is made anew with the line
    menu.setAttribute('aria-haspopup', 'menu');
    menu.setAttribute('aria-expanded', 'false');
    return row;
  }

  async function search() {
    const words = input.value.trim();
    const turn = (asked += 1);
    if (!words) {
      found = null;
      show();
      return;
    }
    const before = changes;
    const result = await ask('GET', '/house/conversations?search=' + encodeURIComponent(words));
    if (turn !== asked) return; // another search is on its way
    const isGone = (one) => changed.get(one.id) > before && !all.has(one.id);
    found = result.conversations.filter((one) => !isGone(one));
    show();
  }

  /** The title becomes a field; Enter or leaving it keeps the name, Escape does not. */
  function rename(conversation) {
    const button = buttonOf(conversation.id);
    if (!button) return;
    renaming = conversation.id;
    const field = element('input', 'rename');
    field.value = conversation.title;
    field.maxLength = 200;
    field.setAttribute('aria-label', t('rename'));
    button.parentNode.replaceChild(field, button);
    field.focus();
    field.select();
    const finish = (title) => {
      if (!renaming) return;
      renaming = null;
      if (title && title !== conversation.title) {
        change(conversation, { title });
      }
      show();
      const again = buttonOf(conversation.id);
      if (again) again.focus();
    };
    field.addEventListener('blur', () => finish(field.value.trim()));
    field.addEventListener('keydown', (event) => {
      if (isPlainEnter(event)) {
        event.preventDefault(); // else this very key would press the line that gets the focus
        finish(field.value.trim());
      } else if (event.key === 'Escape') {
        event.stopPropagation();
        finish('');
      }
    });
  }

  /** Shown at once; taken back where the server does not want it. */
  function change(conversation, values) {
    const before = {};
    Object.keys(values).forEach((name) => {
      before[name] = conversation[name];
    });
    const show = (shown) => all.has(conversation.id) && update(Object.assign({ id: conversation.id }, shown));
    show(values);
    ask('PATCH', conversationPath(conversation.id), values).then(update, (error) => {
      show(before);
      on.failed(error);
    });
  }

  function touch(id) {
    changes += 1;
    changed.set(id, changes);
  }

  function update(conversation) {
    const { id } = conversation;
    touch(id);
    all.set(id, Object.assign({}, all.get(id), conversation));
    if (found) found = found.map((one) => (one.id === id ? Object.assign({}, one, conversation) : one));
    show();
  }

  function remove(id) {
    touch(id);
    all.delete(id);
    if (found) found = found.filter((one) => one.id !== id);
    show();
  }

  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => search().catch(on.failed), SEARCH_DELAY);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !input.value) return;
    event.stopPropagation();
    input.value = '';
    search();
  });

  return {
    load,
    show,
    update,
    change,
    remove,
    rename,
    size: () => all.size,
    get: (id) => all.get(id),
    choose(id) {
      chosen = id;
      show();
    },
    /** The conversation so many lines further down, or null. */
    beside(id, step) {
      const order = sorted();
      const place = order.findIndex((one) => one.id === id);
      if (place < 0) return order[0] || null;
      return order[place + step] || null;
    },
  };
}

/** A snippet with the searched words marked; text only. */
function marked(snippet, words) {
  const node = element('span', 'snippet');
  const wanted = words.trim().split(/\s+/).filter((word) => word);
  const pattern = new RegExp('(' + wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') + ')', 'gi');
  snippet.split(pattern).forEach((part, index) => {
    if (!part) return;
    node.appendChild(index % 2 ? element('mark', '', part) : document.createTextNode(part));
  });
  return node;
}
