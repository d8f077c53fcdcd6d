// The frame round the conversation: the list as a column or as a drawer, light and dark, what the browser can draw.

import { $, element, keepInside, setIcon } from './dom.js';
import { label } from './i18n.js';
import { read, write } from './kept.js';

const root = document.documentElement;
const darkPreference = window.matchMedia('(prefers-color-scheme: dark)');

/** Narrow: the list is a drawer over the page. */
export const isNarrow = window.matchMedia('(max-width: 999px)');

export function showList() {
  if (isNarrow.matches) {
    root.setAttribute('data-drawer', 'open');
    $('page').setAttribute('inert', '');
    $('side-close').focus();
  } else {
    root.removeAttribute('data-list');
    write('list', null);
    $('find').focus();
  }
  $('side-open').setAttribute('aria-expanded', 'true');
}

export function hideList() {
  const inside = $('side').contains(document.activeElement);
  if (isNarrow.matches) {
    root.removeAttribute('data-drawer');
    $('page').removeAttribute('inert');
  } else {
    root.setAttribute('data-list', 'hidden');
    write('list', 'hidden');
  }
  $('side-open').setAttribute('aria-expanded', 'false');
  if (inside) $('side-open').focus();
}

export function isListShown() {
  return isNarrow.matches ? root.hasAttribute('data-drawer') : !root.hasAttribute('data-list');
}

export function toggleList() {
  if (isListShown()) hideList();
  else showList();
}

export function isDrawerOpen() {
  return root.hasAttribute('data-drawer');
}

export function showTheme() {
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

export function hasLargeLetters() {
  return root.getAttribute('data-letters') === 'large';
}

/** For eyes that want it; boot.js sets it on every page. */
export function setLetters(large) {
  if (large) root.setAttribute('data-letters', 'large');
  else root.removeAttribute('data-letters');
  write('letters', large ? 'large' : null);
}

/** Chrome learned MathML in version 109: without it, the style sheet draws the formulas. */
export function detectMathML() {
  const probe = element('div');
  probe.innerHTML = '<math><mspace height="23px" width="77px"></mspace></math>';
  document.body.appendChild(probe);
  const box = probe.querySelector('mspace').getBoundingClientRect();
  root.classList.toggle('no-mathml', Math.abs(box.height - 23) > 1);
  probe.remove();
}

export function bindFrame() {
  $('side-open').addEventListener('click', toggleList);
  $('side-close').addEventListener('click', hideList);
  $('side').addEventListener('keydown', (event) => {
    if (isDrawerOpen()) keepInside(event, $('side'));
  });
  $('shade').addEventListener('click', hideList);
  $('side-open').setAttribute('aria-expanded', String(isListShown()));
  $('theme').addEventListener('click', () => setTheme(root.getAttribute('data-theme') === 'dark' ? 'light' : 'dark', true));
  if (darkPreference.addEventListener) {
    darkPreference.addEventListener('change', () => {
      if (!read('theme')) setTheme(darkPreference.matches ? 'dark' : 'light', false);
    });
  }
  const widened = () => {
    if (!isNarrow.matches && isDrawerOpen()) {
      root.removeAttribute('data-drawer');
      $('page').removeAttribute('inert');
    }
    $('side-open').setAttribute('aria-expanded', String(isListShown()));
  };
  if (isNarrow.addEventListener) isNarrow.addEventListener('change', widened);
}
