// Keyboard shortcuts, and the list of them behind "?".

import { $, bindPanel, closeTopmost, element } from './dom.js';
import { t } from './i18n.js';

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

// name of the action and of its line in the list -> the key: Alt with the key's place on the keyboard, or a plain key.
const ALT = { newChat: 'KeyN', find: 'KeyK', previousChat: 'ArrowUp', nextChat: 'ArrowDown', copyAnswer: 'KeyC', again: 'KeyR',
  edit: 'KeyE', showList: 'KeyB', settings: 'KeyS', shelf: 'KeyP', print: 'KeyD' };
const SHOWN = { ArrowUp: '↑', ArrowDown: '↓' };

function shown(code) {
  return (IS_MAC ? '⌥ ' : 'Alt + ') + (SHOWN[code] || code.slice(3));
}

function fill() {
  const list = $('keys-list');
  list.textContent = '';
  const lines = [['Enter', 'send'], ['Shift + Enter', 'newLine'], ['/', 'toInput'], ['Esc', 'stopOrClose'], ['?', 'keys']];
  Object.keys(ALT).forEach((name) => lines.push([shown(ALT[name]), name]));
  lines.forEach(([key, name]) => {
    const row = list.appendChild(element('div'));
    row.appendChild(element('dt')).appendChild(element('kbd', '', key));
    row.appendChild(element('dd', '', t(name)));
  });
}

/** actions: a function for every name of ALT, and toInput(), escape(). */
export function bindKeys(actions) {
  const panel = bindPanel($('keys'), null, $('keys-close'), fill, () => $('keys'));
  const names = new Map(Object.keys(ALT).map((name) => [ALT[name], name]));
  document.addEventListener('keydown', (event) => {
    const typing = /^(TEXTAREA|INPUT|SELECT)$/.test(event.target.tagName) && event.target.type !== 'range';
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === 'Escape') {
      if (!closeTopmost()) actions.escape();
    } else if (plain && !typing && (event.key === '/' || event.key === '?')) {
      event.preventDefault();
      if (event.key === '/') actions.toInput();
      else panel.toggle();
    } else if (event.altKey && !event.ctrlKey && !event.metaKey && names.has(event.code)) {
      event.preventDefault();
      actions[names.get(event.code)]();
    }
  });
  return panel;
}
