// Small things that every part of the page builds with: elements, icons, buttons, panels and menus.

import { copyText } from './clipboard.js';
import { label, t } from './i18n.js';

const SVG = 'http://www.w3.org/2000/svg';

export const $ = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.appendChild(document.createElementNS(SVG, 'use')).setAttribute('href', '#i-' + name);
  return svg;
}

export function setIcon(button, name) {
  button.querySelector('use').setAttribute('href', '#i-' + name);
}

export function iconButton(name, key, onClick) {
  const button = element('button', 'icon');
  button.type = 'button';
  button.appendChild(icon(name));
  label(button, key);
  button.addEventListener('click', onClick);
  return button;
}

export function textButton(key, className, onClick) {
  const button = element('button', 'button ' + className, t(key));
  button.type = 'button';
  button.addEventListener('click', onClick);
  return button;
}

/** Enter alone, and not the Enter that picks a word in an input method (Safari says keyCode 229 for that). */
export function isPlainEnter(event) {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229;
}

export function fitHeight(area) {
  area.style.height = 'auto';
  area.style.height = area.scrollHeight + 'px';
}

const open = []; // what is open on top of the page, the latest last: {close()}

/** Closes what was opened last; false where nothing is open. */
export function closeTopmost() {
  if (!open.length) return false;
  open[open.length - 1].close();
  return true;
}

function opened(layer) {
  open.push(layer);
}

function closed(layer) {
  const place = open.indexOf(layer);
  if (place >= 0) open.splice(place, 1);
}

/**
 * A panel that a button opens and Escape, its cross or a press elsewhere closes; focus goes in, and back.
 * show() fills it; focusFirst() says what gets the focus.  button may be null (a key opens it).
 */
export function bindPanel(panel, button, closer, show, focusFirst) {
  let before = null;
  const layer = { isOpen: () => !panel.hidden, open: openIt, close, toggle: () => (panel.hidden ? openIt() : close()) };
  function openIt() {
    if (!panel.hidden) return;
    before = document.activeElement;
    show();
    panel.hidden = false;
    if (button) button.setAttribute('aria-expanded', 'true');
    opened(layer);
    focusFirst().focus();
  }
  function close() {
    if (panel.hidden) return;
    const inside = panel.contains(document.activeElement) || document.activeElement === document.body;
    panel.hidden = true;
    if (button) button.setAttribute('aria-expanded', 'false');
    closed(layer);
    if (inside) (button || before || document.body).focus();
  }
  if (button) button.addEventListener('click', layer.toggle);
  closer.addEventListener('click', close);
  panel.addEventListener('keydown', (event) => keepInside(event, panel));
  document.addEventListener('mousedown', (event) => {
    if (!panel.hidden && !panel.contains(event.target) && !(button && button.contains(event.target))) close();
  });
  return layer;
}

/**
 * A panel whose script is fetched when it is first wanted.  load() resolves to its layer, which has the button's
 * presses from then on.
 */
export function bindLatePanel(button, load, failed) {
  let layer = null;
  let loading = false;
  async function first() {
    if (layer || loading) return;
    loading = true;
    try {
      layer = await load();
      layer.open();
    } catch (error) {
      failed(error);
    }
    loading = false;
  }
  button.addEventListener('click', first);
  return { toggle: () => (layer ? layer.toggle() : first()) };
}

/** Tab goes round inside a panel that lies over the page. */
export function keepInside(event, panel) {
  if (event.key !== 'Tab') return;
  const stops = Array.from(panel.querySelectorAll('button, input, textarea, select, a[href], [tabindex="0"]')).filter(
    (node) => node.offsetParent !== null && !node.disabled
  );
  if (!stops.length) return;
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement !== edge && panel.contains(document.activeElement)) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
}

/**
 * A menu under `button`.  items: {key, icon, act, danger} or null for a line between.  back(): what gets the focus in
 * the end, where that is not the button.
 */
export function openMenu(button, items, back) {
  const menu = element('div', 'menu');
  menu.setAttribute('role', 'menu');
  menu.setAttribute('aria-label', button.getAttribute('aria-label'));
  const layer = { close };
  const entries = [];
  items.forEach((item) => {
    if (!item) {
      menu.appendChild(element('hr')).setAttribute('role', 'separator');
      return;
    }
    const entry = menu.appendChild(element('button', item.danger ? 'danger' : ''));
    entry.type = 'button';
    entry.tabIndex = -1;
    entry.setAttribute('role', 'menuitem');
    if (item.icon) entry.appendChild(icon(item.icon));
    entry.appendChild(element('span', '', t(item.key)));
    entry.addEventListener('click', () => {
      close();
      item.act();
    });
    entries.push(entry);
  });
  function close() {
    if (!menu.parentNode) return;
    const inside = menu.contains(document.activeElement);
    menu.remove();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('mousedown', outside);
    closed(layer);
    if (inside) (back ? back() : button).focus();
  }
  function outside(event) {
    if (!menu.contains(event.target)) close();
  }
  menu.addEventListener('keydown', (event) => {
    const place = entries.indexOf(document.activeElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      entries[(next + entries.length) % entries.length].focus();
    } else if (event.key === 'Tab') {
      close();
    }
  });
  (button.closest('nav, header') || document.body).appendChild(menu);
  const box = button.getBoundingClientRect();
  menu.style.left = Math.max(8, Math.min(box.left, window.innerWidth - menu.offsetWidth - 8)) + 'px';
  const below = box.bottom + 4 + menu.offsetHeight < window.innerHeight;
  menu.style.top = Math.max(8, below ? box.bottom + 4 : box.top - menu.offsetHeight - 4) + 'px';
  button.setAttribute('aria-expanded', 'true');
  document.addEventListener('mousedown', outside);
  opened(layer);
  entries[0].focus();
}

const MOST_TOLD = 4; // things at once

/** How long a text is to be read, in ms. */
function readingTime(text) {
  const columns = text.replace(/[^\x00-\xff]/g, '00').length;
  return Math.min(20000, Math.max(3000, 60 * columns));
}

/** Says something at the foot of the page, as long as it takes to read; with an action, long enough to press it.  What
 * was said just before stays above it: the news of one file is not the last word on another, and an "undo" not gone. */
export function toast(text, actionText, action) {
  const box = $('toast');
  Array.from(box.children).forEach((line) => line.textContent === text && line.remove());
  const plain = box.querySelectorAll('div:not(.act)');
  if (box.children.length >= MOST_TOLD) (plain[0] || box.firstChild).remove();
  const line = box.appendChild(element('div', action ? 'act' : '', text));
  if (action) {
    const button = line.appendChild(element('button', '', actionText));
    button.type = 'button';
    button.addEventListener('click', () => {
      line.remove();
      action();
    });
  }
  setTimeout(() => line.remove(), action ? Math.max(10000, readingTime(text)) : readingTime(text));
}

export function copyButton(key, getText) {
  const button = iconButton('copy', key, () => {
    copyText(getText()).then(
      () => {
        setIcon(button, 'check');
        label(button, 'copied');
        setTimeout(() => {
          setIcon(button, 'copy');
          label(button, key);
        }, 1600);
        toast(t('copied'));
      },
      () => toast(t('copyFailed'))
    );
  });
  return button;
}

/** Gives the browser a file to keep. */
export function download(name, blob) {
  const link = element('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Brings what was looked for into view, and marks it for a moment. */
export function showFound(node) {
  node.scrollIntoView({ block: 'center' });
  node.classList.add('found');
  setTimeout(() => node.classList.remove('found'), 2500);
}
