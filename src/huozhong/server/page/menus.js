// What the menus do: of one conversation, and of all of them.

import { ask, conversationPath, send } from './api.js';
import { isTooLarge } from './attach.js';
import { $, download, toast } from './dom.js';
import { hasLargeLetters, hideList, isListShown, isNarrow, setLetters, showList } from './frame.js';
import { t } from './i18n.js';

const LARGEST_IMPORT = 64; // MiB
const UNDO_TIME = 60000; // ms for which a page that was loaded anew offers it

/** The last deletion of this tab: id and time; null forgets it. */
function remember(id) {
  try {
    if (id === null) window.sessionStorage.removeItem('huozhong.deleted');
    else window.sessionStorage.setItem('huozhong.deleted', id + ' ' + Date.now());
  } catch (error) {
    return; // storage is switched off: then only until the page is loaded anew
  }
}

function remembered() {
  try {
    const [id, time] = (window.sessionStorage.getItem('huozhong.deleted') || '').split(' ');
    return [id, Number(time)];
  } catch (error) {
    return ['', 0];
  }
}

/**
 * house: {chat, list, openChat(id), failed(ApiError), person(): what /house/me says, showKeys(), cleared(): this browser
 * is to forget who sat here; returns what brings it back}.  Returns
 * {chatMenu(conversation), houseMenu(): the items of the two menus, offerAgain(), isDeleting(id)}.
 */
export function createMenus(house) {
  const { chat, list, openChat, failed } = house;
  let installing = null; // the browser's offer to keep the page as an app
  window.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    installing = event;
  });
  const deleting = new Set(); // ids of conversations that this page deletes: their end is no news to it

  function chatMenu(conversation) {
    return [
      { key: 'rename', icon: 'edit', act: () => rename(conversation) },
      { key: conversation.pinned ? 'unpin' : 'pin', icon: 'pin', act: () => list.change(conversation, { pinned: !conversation.pinned }) },
      null,
      { key: 'exportMd', icon: 'down', act: () => exportChat(conversation, 'md') },
      { key: 'exportJson', icon: 'down', act: () => exportChat(conversation, 'json') },
      { key: 'print', icon: 'book', act: () => printChat(conversation) },
      null,
      { key: 'delete', icon: 'close', danger: true, act: () => remove(conversation) },
    ];
  }

  function rename(conversation) {
    if (!isListShown()) showList();
    list.rename(conversation);
  }

  async function exportChat(conversation, format) {
    try {
      const response = await send('GET', conversationPath(conversation.id, '/export?format=' + format));
      download(fileName(conversation.title || t('untitled')) + '.' + format, await response.blob());
    } catch (error) {
      failed(error);
    }
  }

  function fileName(title) {
    return title.replace(/[\\/:*?"<>|\x00-\x1f]/g, ' ').trim().slice(0, 60) || 'chat';
  }

  async function printChat(conversation) {
    if (conversation.id !== chat.current().id) await openChat(conversation.id);
    if (isNarrow.matches) hideList();
    window.print();
  }

  async function remove(conversation) {
    deleting.add(conversation.id);
    try {
      await ask('DELETE', conversationPath(conversation.id));
    } catch (error) {
      deleting.delete(conversation.id);
      failed(error);
      return;
    }
    list.remove(conversation.id);
    const wasOpen = conversation.id === chat.current().id;
    if (wasOpen) chat.start();
    ($('list').querySelector('.open') || $('new')).focus();
    remember(conversation.id);
    offerUndo(conversation.id, wasOpen);
  }

  function offerUndo(id, wasOpen) {
    toast(t('deleted'), t('undo'), async () => {
      try {
        list.update(await ask('POST', conversationPath(id, '/restore'), {}));
        deleting.delete(id);
        remember(null);
        if (wasOpen && chat.isEmpty()) openChat(id);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** Whoever is frightened by what is gone loads the page anew: the last deletion can be taken back then too. */
  function offerAgain() {
    const [id, time] = remembered();
    if (id && Date.now() - time < UNDO_TIME) offerUndo(id, true);
  }

  function houseMenu() {
    const items = [
      { key: 'import', icon: 'up', act: () => $('import-file').click() },
      { key: 'exportAll', icon: 'down', act: exportAll },
      { key: 'keys', icon: 'key', act: () => house.showKeys() },
      { key: hasLargeLetters() ? 'normalLetters' : 'largeLetters', icon: 'letters', act: () => setLetters(!hasLargeLetters()) },
      null,
      { key: 'clear', icon: 'close', danger: true, act: clearAll },
    ];
    if (installing) items.splice(3, 0, { key: 'install', icon: 'down', act: install });
    const me = house.person();
    if (me && me.login) {
      items.unshift({ key: 'account', icon: 'sliders', act: () => location.assign('/page/account.html') });
      if (me.person.role === 'owner') items.unshift({ key: 'owner', icon: 'flame', act: () => location.assign('/page/owner.html') });
      items.push({ key: 'logout', icon: 'back', act: logout });
    }
    return items;
  }

  /** The browser asks; what it asked with can be used once. */
  function install() {
    installing.prompt();
    installing = null;
  }

  async function exportAll() {
    try {
      download('huozhong.json', await (await send('GET', '/house/export')).blob());
    } catch (error) {
      failed(error);
    }
  }

  async function importFile() {
    const file = $('import-file').files[0];
    $('import-file').value = '';
    if (!file || isTooLarge(file, LARGEST_IMPORT, 'importTooLarge')) return;
    try {
      const result = await ask('POST', '/house/import', file);
      const skipped = result.skipped.map((one) => '\n' + (one.title ? one.title + ': ' : '') + (t('skip.' + one.code) || one.why)).join('');
      toast(t('imported', { count: result.imported }) + skipped);
      await list.load();
    } catch (error) {
      failed(error);
    }
  }

  /** For the next pupil: everything is gone from the page, and can be brought back for a moment. */
  async function clearAll() {
    let done;
    try {
      done = await ask('POST', '/house/clear', {});
    } catch (error) {
      failed(error);
      return;
    }
    forgetKept();
    chat.start(); // what was not sent goes back to the field, which is emptied then
    const bringBack = house.cleared();
    await list.load().catch(failed);
    $('toast').textContent = ''; // what was offered there was the last one's
    toast(t('clearedAll', { count: done.cleared }), t('undo'), () => {
      bringBack();
      ask('POST', '/house/clear/undo', { at: done.at }).then(() => list.load()).catch(failed);
    });
  }

  async function logout() {
    try {
      await ask('POST', '/house/logout', {});
    } catch (error) {
      failed(error);
      return;
    }
    forgetKept();
    location.assign('/');
  }

  /** What the service worker kept of conversations, to be read while the server is off, goes. */
  function forgetKept() {
    remember(null);
    if (navigator.serviceWorker && navigator.serviceWorker.controller) {
      navigator.serviceWorker.controller.postMessage('forget');
    }
  }

  $('import-file').addEventListener('change', importFile);
  return { chatMenu, houseMenu, offerAgain, isDeleting: (id) => deleting.has(id) };
}
