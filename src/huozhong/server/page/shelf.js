// The shelf of prompts that somebody wants to use again; kept in this browser.

import { $, bindPanel, element, iconButton } from './dom.js';
import { label } from './i18n.js';
import { readShelf, write } from './kept.js';

const MOST = 200;

/** input: the textarea.  used(): what to do once a prompt stands in it.  Returns the panel's layer. */
export function bindShelf(input, used, notify) {
  const list = $('saved');

  function keep(texts) {
    if (!write('shelf', JSON.stringify(texts.slice(0, MOST)))) notify('storageFull');
    show();
  }

  function take(text) {
    const before = input.value.trim();
    input.value = before ? before + '\n' + text : text;
    layer.close();
    used();
    input.focus();
  }

  function show() {
    const texts = readShelf();
    list.textContent = '';
    texts.forEach((text, index) => {
      const row = list.appendChild(element('li'));
      const button = row.appendChild(element('button', 'take', text.length > 200 ? text.slice(0, 200) + '…' : text));
      button.type = 'button';
      button.dir = 'auto';
      button.addEventListener('click', () => take(text));
      row.appendChild(
        iconButton('close', 'forget', () => {
          keep(readShelf().filter((other, at) => at !== index));
          (list.querySelector('button') || $('shelf-close')).focus();
        })
      );
    });
    $('shelf-empty').hidden = texts.length > 0;
    $('shelf-save').disabled = !input.value.trim();
  }

  $('shelf-save').addEventListener('click', () => {
    const text = input.value.trim();
    keep([text].concat(readShelf().filter((other) => other !== text)));
    notify('shelfSaved');
    $('shelf-close').focus();
  });
  const layer = bindPanel($('shelf'), $('shelf-button'), $('shelf-close'), show, () => list.querySelector('button') || $('shelf-close'));
  label($('shelf-button'), 'shelf');
  return layer;
}
