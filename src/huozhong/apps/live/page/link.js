// The viewers' page: big captions in the language that they choose.

import { board, follow, label, NAMES, words } from './feed.js';

const $ = (id) => document.getElementById(id);
const say = await words();
document.title = say.title;
let feed = null;
let live = false;
let chosen = '';
let lost = false;
let any = false;
const shown = board($('lines'), 30, (whose) => label($('whose'), say, whose));

function keep(name, value) {
  try {
    if (value === undefined) return localStorage.getItem('live-' + name);
    localStorage.setItem('live-' + name, value);
  } catch (error) {
    return null; // a browser that keeps nothing shows captions all the same
  }
  return null;
}

function note() {
  const text = lost ? say.lost : live ? '' : any ? say.over : say.waiting;
  $('note').textContent = text;
  $('note').hidden = !text;
}

function offer(languages) {
  if (!chosen) {
    const own = keep('language') || (navigator.language || '').slice(0, 2);
    chosen = languages.includes(own) ? own : languages.find((one) => one !== 'zh') || 'zh';
    if (chosen !== 'zh') watch();
  }
  $('language').replaceChildren(
    ...languages.map((one) => {
      const option = document.createElement('option');
      option.value = one;
      option.textContent = NAMES[one];
      option.selected = one === chosen;
      return option;
    })
  );
}

function watch() {
  if (feed) feed.close();
  feed = follow('captions', chosen || 'zh', {
    lines(list) {
      any = any || list.length > 0;
      shown.fill(list);
      note();
    },
    line(one) {
      any = true;
      shown.show(one);
    },
    live(is) {
      live = is;
      note();
    },
    languages: offer,
    lost(is) {
      lost = is;
      note();
    },
  });
}

$('language').addEventListener('change', () => {
  chosen = $('language').value;
  keep('language', chosen);
  watch();
});
$('bigger').addEventListener('click', () => {
  const on = document.body.classList.toggle('bigger');
  $('bigger').setAttribute('aria-pressed', String(on));
});
watch();
