// A model's text on the page: it enters only as text, or as HTML that the server has made safe.

import { render } from './api.js';
import { copyButton, element, toast } from './dom.js';
import { t } from './i18n.js';

const SHORTEST_RENDER_INTERVAL = 400; // ms

/** Where a growing text can be typeset so far, and whether a code fence is open there. */
export function finishedPart(text) {
  let cut = 0;
  let open = '';
  let pos = 0;
  for (;;) {
    const end = text.indexOf('\n', pos);
    if (end < 0) return { cut, fence: open !== '' };
    const line = text.slice(pos, end).trim();
    const fence = /^(`{3,}|~{3,})/.exec(line);
    if (open) {
      if (fence && line === fence[1] && line[0] === open[0] && line.length >= open.length) open = '';
      cut = end + 1;
    } else if (fence) {
      open = fence[1];
      cut = end + 1;
    } else if (!line) {
      cut = end + 1;
    }
    pos = end + 1;
  }
}

/** One text of a message: plain while it grows, typeset up to its last paragraph, and whole in the end. */
export class Prose {
  constructor(node) {
    this.node = node;
    this.tail = element('p', 'tail');
    this.text = '';
    this.shown = 0; // characters that the typeset part stands for
    this.fence = false;
    this.busy = false;
    this.next = 0;
    this.version = 0;
  }

  grow(text) {
    this.text = text;
    this.paint();
    const part = finishedPart(text);
    if (this.busy || part.cut <= this.shown || Date.now() < this.next) return;
    const version = this.version;
    const start = Date.now();
    this.busy = true;
    render(text.slice(0, part.cut))
      .then(
        (html) => {
          if (version !== this.version) return;
          this.fill(html);
          this.shown = part.cut;
          this.fence = part.fence;
          this.paint();
        },
        () => {} // the plain text stays; finish() tells the reader if it fails again
      )
      .then(() => {
        this.busy = false;
        this.next = Date.now() + Math.max(SHORTEST_RENDER_INTERVAL, 4 * (Date.now() - start));
      });
  }

  paint() {
    const rest = this.text.slice(this.shown);
    const codes = this.fence ? this.node.querySelectorAll('pre code') : [];
    this.tail.textContent = codes.length ? rest : rest.replace(/^\s+/, '');
    if (codes.length) codes[codes.length - 1].appendChild(this.tail);
    else if (this.tail.parentNode !== this.node) this.node.appendChild(this.tail);
    this.tail.hidden = !this.tail.textContent;
  }

  /**
   * Resolves to the HTML, so that it need not be asked for again, or to null where the plain text must do.
   * later: the server is making the HTML, and will be asked for it.
   */
  finish(text, html, later) {
    this.version += 1;
    this.text = text;
    if (html) {
      this.fill(html);
      return Promise.resolve(html);
    }
    if (!this.node.firstChild) this.plain();
    else this.paint();
    if (later || !text.trim()) return Promise.resolve(null);
    const version = this.version;
    return render(text).then(
      (made) => {
        if (version === this.version) this.fill(made);
        return made;
      },
      () => {
        if (version !== this.version) return null;
        this.plain();
        toast(t('renderFailed'));
        return null;
      }
    );
  }

  plain() {
    this.shown = 0;
    this.fence = false;
    this.node.textContent = '';
    this.paint();
  }

  fill(html) {
    this.node.innerHTML = html; // made safe by the server
    this.node.querySelectorAll('pre > code').forEach((code) => {
      const pre = code.parentNode;
      const block = element('div', 'block');
      const header = block.appendChild(element('header'));
      const name = /language-(\S+)/.exec(code.className);
      header.appendChild(element('span', '', name ? name[1] : t('code')));
      header.appendChild(copyButton('copy', () => code.textContent));
      pre.parentNode.replaceChild(block, pre);
      pre.tabIndex = 0; // long lines scroll: let the keyboard do it
      block.appendChild(pre);
    });
    this.node.querySelectorAll('.table').forEach((box) => {
      box.tabIndex = 0;
      box.setAttribute('role', 'group');
      box.setAttribute('aria-label', t('table'));
    });
  }
}

/** Makes the numbers to ring links that a telephone dials.  Text is changed only in text nodes. */
export function linkNumbers(node, numbers) {
  const wanted = numbers.filter((number) => /^\+?[0-9][0-9 -]*$/.test(number)).sort((a, b) => b.length - a.length);
  if (!wanted.length) return;
  const pattern = new RegExp('(' + wanted.map((number) => number.replace('+', '\\+')).join('|') + ')(?![0-9])', 'g');
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  texts.forEach((text) => {
    if (text.parentNode.tagName === 'A') return;
    const parts = text.textContent.split(pattern);
    if (parts.length < 2) return;
    parts.forEach((part) => {
      const piece = wanted.indexOf(part) < 0 ? document.createTextNode(part) : element('a', 'ring', part);
      if (piece.tagName === 'A') piece.href = 'tel:' + part.replace(/[ -]/g, '');
      text.parentNode.insertBefore(piece, text);
    });
    text.remove();
  });
}
