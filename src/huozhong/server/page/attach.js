// Documents that a question is about: picked, dropped or pasted, read by the server, shown where answers quote them.

import { ask, send } from './api.js';
import { $, bindPanel, element, iconButton, toast } from './dom.js';
import { t } from './i18n.js';

const MOST = 20; // of one question

/** Page numbers as people write them: 3–5, 9. */
function ranges(pages) {
  const out = [];
  pages.forEach((page) => {
    const last = out[out.length - 1];
    if (last && last[1] === page - 1) last[1] = page;
    else out.push([page, page]);
  });
  const said = out.map((one) => (one[0] === one[1] ? String(one[0]) : one.join('–')));
  return said.slice(0, 8).join(', ') + (said.length > 8 ? '…' : '');
}

/** changed(): what is attached has changed.  failed(ApiError).  Returns {take(), put(files), add(files), isBusy()}. */
export function bindAttach(changed, failed) {
  const box = $('attached');
  let files = []; // {id, name}
  let reading = 0;
  let turn = 0; // counts how often all was taken: what is read after that is of an earlier question

  function show() {
    box.textContent = '';
    files.forEach((file) => {
      const chip = box.appendChild(element('span', 'chip', file.name));
      const button = chip.appendChild(iconButton('close', 'forget', () => detach(file)));
      button.setAttribute('aria-label', t('detach', { name: file.name }));
      button.removeAttribute('data-t-label');
    });
    box.hidden = !files.length;
    changed();
  }

  function detach(file) {
    files = files.filter((other) => other !== file);
    show();
    $('attach').focus();
    ask('DELETE', '/house/files/' + encodeURIComponent(file.id)).catch(() => {}); // it belongs to no question: no harm
  }

  async function add(picked) {
    const mine = turn;
    for (const file of Array.from(picked).slice(0, MOST - files.length)) {
      if (mine !== turn) return;
      reading += 1;
      const chip = box.appendChild(element('span', 'chip reading', t('attaching', { name: file.name })));
      chip.setAttribute('role', 'status');
      box.hidden = false;
      changed();
      try {
        const response = await send('POST', '/house/files?name=' + encodeURIComponent(file.name), file);
        const kept = await response.json();
        if (mine === turn) files.push(kept);
        const empty = kept.kind === 'pdf' ? kept.pages_without_text : [];
        if (empty.length) toast(t('pagesWithoutText', { name: kept.name, pages: ranges(empty) }));
      } catch (error) {
        failed(error);
      }
      reading -= 1;
      show();
    }
  }

  $('attach').addEventListener('click', () => $('attach-file').click());
  $('attach-file').addEventListener('change', () => {
    add($('attach-file').files).then(() => $('input').focus());
    $('attach-file').value = '';
  });
  $('input').addEventListener('paste', (event) => {
    const pasted = event.clipboardData && event.clipboardData.files;
    if (!pasted || !pasted.length) return;
    event.preventDefault();
    add(pasted);
  });
  let place = null; // shows where a document can be let go
  const showPlace = (event) => {
    const types = event.dataTransfer ? Array.from(event.dataTransfer.types) : [];
    if (types.indexOf('Files') < 0) return;
    if (!place) place = document.body.appendChild(element('div', 'drop-place'));
    place.textContent = t('dropHere');
    place.hidden = false;
  };
  const hidePlace = (event) => {
    if (place && !event.relatedTarget) place.hidden = true; // out of the window
  };
  document.addEventListener('dragenter', showPlace);
  document.addEventListener('dragleave', hidePlace);
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    if (place) place.hidden = true;
    if (event.dataTransfer && event.dataTransfer.files.length) add(event.dataTransfer.files);
  });

  return {
    add,
    isBusy: () => reading > 0,
    /** Files whose question could not be sent. */
    put(back) {
      files = back.concat(files);
      show();
    },
    /** What is attached goes with a question. */
    take() {
      const taken = files;
      turn += 1;
      files = [];
      show();
      return taken;
    },
  };
}

/** Where a source stands, in the reader's words. */
function where(source) {
  return source.page ? t('page', { page: source.page }) : t('passage', { number: source.passage + 1 });
}

let panel = null;
let shown = null;

async function openPassage(source) {
  try {
    shown = await ask('GET', '/house/files/' + encodeURIComponent(source.id) + '/passages/' + source.passage);
  } catch (error) {
    toast(t('fileGone', { name: source.name }));
    return;
  }
  if (!panel) {
    panel = bindPanel($('passage'), null, $('passage-close'), fillPassage, () => $('passage'));
  }
  panel.open();
}

function fillPassage() {
  const text = $('passage-text');
  $('passage-title').textContent = shown.file.name + ' · ' + where({ page: shown.page, passage: shown.number });
  text.textContent = '';
  if (shown.before) text.appendChild(element('p', 'note', shown.before));
  text.appendChild(element('p', '', shown.text));
  if (shown.after) text.appendChild(element('p', 'note', shown.after));
}

function sourceButton(source, text) {
  const button = element('button', 'source', text);
  button.type = 'button';
  button.title = source.name + ' · ' + where(source);
  button.addEventListener('click', () => openPassage(source));
  return button;
}

function withoutPlace(text, { name, page }) {
  return page ? text.replace('《' + name + '》第 ' + page + ' 页', '《' + name + '》').replace(name + ', page ' + page, name) : text;
}

/** [2] in an answer's text becomes a button that opens the passage; returns the sources that it quotes. */
export function linkSources(node, sources) {
  const byNumber = new Map(sources.map((source) => [String(source.n), source]));
  const quoted = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  texts.forEach((text) => {
    const parts = text.textContent.split(/\[(\d{1,3})\]/);
    if (parts.length < 2) return;
    let last = null; // what stands right before a piece of text has said the page already
    parts.forEach((part, index) => {
      const source = index % 2 ? byNumber.get(part) : null;
      if (source) quoted.push(source);
      const plain = document.createTextNode(index % 2 ? '[' + part + ']' : last ? withoutPlace(part, last) : part);
      last = source;
      text.parentNode.insertBefore(source ? sourceButton(source, where(source)) : plain, text);
    });
    text.remove();
  });
  return quoted;
}

/** The line under an answer that says where it comes from. */
export function sourceLine(sources) {
  const line = element('p', 'note sources', t('sources'));
  sources.forEach((source) => line.appendChild(sourceButton(source, source.name + ' · ' + where(source))));
  return line;
}
