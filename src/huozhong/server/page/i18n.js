// The words of the page: the server writes one language's into index.html, another is fetched when it is chosen.

import { setLanguage } from './language.js';

let asked = 0; // languages that were chosen so far
let words = JSON.parse(document.getElementById('words').textContent);

/** Fetches a language's words and makes them the page's; the server is told by a cookie for the next time. */
export async function changeLanguage(name) {
  const mine = (asked += 1);
  const response = await fetch('/page/words-' + name + '.json');
  if (!response.ok) throw new Error('HTTP ' + response.status);
  const found = await response.json();
  if (mine !== asked) return; // another was chosen meanwhile
  words = found;
  setLanguage(name);
}

/** The text for `key` in the present language, with {name} filled in from `values`. */
export function t(key, values) {
  const text = words[key];
  if (typeof text !== 'string') return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}

/** Fills every element marked data-t (text), data-t-label (label and tooltip) or data-t-placeholder. */
export function translate(root) {
  root.querySelectorAll('[data-t]').forEach((node) => {
    node.textContent = t(node.getAttribute('data-t'));
  });
  root.querySelectorAll('[data-t-label]').forEach((node) => label(node, node.getAttribute('data-t-label')));
  root.querySelectorAll('[data-t-placeholder]').forEach((node) => {
    node.placeholder = t(node.getAttribute('data-t-placeholder'));
  });
}

/** Gives a control without text its name, for screen readers and as a tooltip; survives a language switch. */
export function label(node, key) {
  node.setAttribute('data-t-label', key);
  node.setAttribute('aria-label', t(key));
  if (node.tagName === 'BUTTON') node.title = t(key);
}
