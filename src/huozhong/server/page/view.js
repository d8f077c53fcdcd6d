// How a question and an answer look.  Model text enters the page only as text, or as HTML that
// /page/render has made safe.

import { render } from './api.js';
import { meter, meterDetail } from './format.js';
import { label, t } from './i18n.js';

const SVG = 'http://www.w3.org/2000/svg';
const SHORTEST_RENDER_INTERVAL = 400; // ms

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

function iconButton(name, key, onClick) {
  const button = element('button', 'icon');
  button.type = 'button';
  button.appendChild(icon(name));
  label(button, key);
  button.addEventListener('click', onClick);
  return button;
}

function textButton(key, className, onClick) {
  const button = element('button', 'button ' + className, t(key));
  button.type = 'button';
  button.addEventListener('click', onClick);
  return button;
}

function copyButton(key, getText, notify) {
  const button = iconButton('copy', key, () => {
    copy(getText()).then(
      () => {
        setIcon(button, 'check');
        label(button, 'copied');
        setTimeout(() => {
          setIcon(button, 'copy');
          label(button, key);
        }, 1600);
        notify('copied');
      },
      () => notify('copyFailed')
    );
  });
  return button;
}

/** Plain http on a school's network has no navigator.clipboard: the old command does it there. */
function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = element('textarea');
  area.value = text;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  const focused = document.activeElement;
  document.body.appendChild(area).select();
  const copied = document.execCommand('copy');
  area.remove();
  if (focused) focused.focus();
  return copied ? Promise.resolve() : Promise.reject(new Error('copy'));
}

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
class Prose {
  constructor(node, notify) {
    this.node = node;
    this.notify = notify;
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

  /** Resolves to the HTML, so that it need not be asked for again, or to null where the plain text must do. */
  finish(text, html) {
    this.version += 1;
    this.text = text;
    if (html) {
      this.fill(html);
      return Promise.resolve(html);
    }
    if (!this.node.firstChild) this.plain();
    else this.paint();
    if (!text.trim()) return Promise.resolve(null);
    const version = this.version;
    return render(text).then(
      (made) => {
        if (version === this.version) this.fill(made);
        return made;
      },
      () => {
        if (version !== this.version) return null;
        this.plain();
        this.notify('renderFailed');
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
      header.appendChild(copyButton('copy', () => code.textContent, this.notify));
      pre.parentNode.replaceChild(block, pre);
      pre.tabIndex = 0; // long lines scroll: let the keyboard do it
      block.appendChild(pre);
    });
  }
}

/** actions: {edit(message, text), again(), newChat(), folds(): thoughts stay folded, notify(key)} */
export function createView(message, actions) {
  return message.role === 'user' ? new QuestionView(message, actions) : new AnswerView(message, actions);
}

class QuestionView {
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    this.node = element('article', 'message user');
    this.bubble = element('div', 'bubble', message.content);
    this.bubble.dir = 'auto';
    this.tools = element('div', 'tools');
    this.tools.appendChild(iconButton('edit', 'edit', () => this.edit()));
    this.node.appendChild(this.bubble);
    this.node.appendChild(this.tools);
  }

  refresh(place) {
    this.node.setAttribute('aria-label', t('you'));
    this.tools.hidden = place.busy || !place.lastQuestion;
    this.node.classList.toggle('last', place.lastQuestion);
  }

  edit() {
    const editor = element('div', 'editor');
    const area = editor.appendChild(element('textarea'));
    area.value = this.message.content;
    label(area, 'edit');
    const row = editor.appendChild(element('div', 'actions'));
    const close = () => {
      this.node.replaceChild(this.bubble, editor);
      this.tools.hidden = false;
      this.tools.querySelector('button').focus();
    };
    const submit = () => {
      if (area.value.trim()) this.actions.edit(this.message, area.value.trim());
    };
    row.appendChild(textButton('cancel', '', close));
    row.appendChild(textButton('send', 'strong', submit));
    area.addEventListener('input', () => fitHeight(area));
    area.addEventListener('keydown', (event) => {
      if (isPlainEnter(event)) {
        event.preventDefault();
        submit();
      } else if (event.key === 'Escape') {
        event.stopPropagation();
        close();
      }
    });
    this.tools.hidden = true;
    this.node.replaceChild(editor, this.bubble);
    fitHeight(area);
    area.focus();
  }
}

class AnswerView {
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    this.node = element('article', 'message answer');
    this.thinking = this.node.appendChild(element('details', 'thinking'));
    this.summary = this.thinking.appendChild(element('summary'));
    this.summary.appendChild(icon('chevron'));
    this.summaryText = this.summary.appendChild(element('span'));
    const thoughts = this.thinking.appendChild(element('div', 'text'));
    this.reasoning = new Prose(thoughts, actions.notify);
    this.touched = false; // once the reader opens or folds the thoughts, they stay that way
    this.summary.addEventListener('click', () => {
      this.touched = true;
    });
    const body = this.node.appendChild(element('div', 'text body'));
    body.dir = 'auto';
    this.content = new Prose(body, actions.notify);
    this.extra = this.node.appendChild(element('div', 'extra'));
    this.tools = this.node.appendChild(element('div', 'tools'));
    this.meter = this.tools.appendChild(element('span', 'meter'));
    this.copy = this.tools.appendChild(copyButton('copyAnswer', () => message.content, actions.notify));
    this.again = this.tools.appendChild(iconButton('again', 'again', () => actions.again()));
    if (message.state !== 'live') this.finish();
  }

  /** Shows what has arrived so far. */
  grow() {
    if (this.message.reasoning && !this.message.content) this.reasoning.grow(this.message.reasoning);
    if (this.message.content) this.content.grow(this.message.content);
    this.refresh({ busy: true, last: true });
  }

  /** Typesets the finished message. */
  finish() {
    const message = this.message;
    this.reasoning.finish(message.reasoning || '', message.reasoningHtml).then((html) => {
      message.reasoningHtml = html;
    });
    return this.content.finish(message.content, message.html).then((html) => {
      message.html = html;
    });
  }

  refresh(place) {
    const message = this.message;
    const live = message.state === 'live';
    const thinkingNow = live && !message.content;
    this.node.classList.toggle('live', live);
    this.thinking.hidden = !message.reasoning;
    this.thinking.classList.toggle('now', thinkingNow);
    if (!this.touched) this.thinking.open = thinkingNow && !this.actions.folds();
    const seconds = message.thinkMs >= 0 ? Math.max(0.1, message.thinkMs / 1000).toFixed(1) : '';
    this.summaryText.textContent = thinkingNow ? t('thinking') : seconds ? t('thought', { seconds }) : t('thoughtPlain');
    this.tools.hidden = live || (!message.content && message.state === 'error');
    this.copy.hidden = !message.content;
    this.again.hidden = !place.last || place.busy || message.state === 'error';
    this.meter.textContent = message.content ? meter(message) : '';
    this.meter.title = meterDetail(message);
    this.showExtra(place);
  }

  showExtra(place) {
    const message = this.message;
    this.extra.textContent = '';
    if (message.state === 'live') {
      if (message.reasoning || message.content) return;
      const dot = this.extra.appendChild(element('span', 'waiting'));
      dot.setAttribute('role', 'img');
      dot.setAttribute('aria-label', t('answering'));
    } else if (message.state === 'error') {
      this.extra.appendChild(this.problem(place));
    } else {
      const note = { stopped: 'stopped', length: 'lengthLimit', reloaded: 'cutByReload' }[message.state];
      if (note || !message.content) this.extra.appendChild(element('p', 'note', t(note || 'empty')));
    }
  }

  problem(place) {
    const error = this.message.error;
    const box = element('div', 'problem', t('error.' + error.kind, { message: error.message }));
    box.setAttribute('role', 'alert');
    if (!place.last || place.busy) return box;
    const row = box.appendChild(element('div', 'actions'));
    if (error.kind === 'context') row.appendChild(textButton('newChat', 'strong', () => this.actions.newChat()));
    else row.appendChild(textButton('retry', '', () => this.actions.again()));
    return box;
  }
}

/** Enter alone, and not the Enter that picks a word in an input method (Safari says keyCode 229 for that). */
export function isPlainEnter(event) {
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

export function fitHeight(area) {
  area.style.height = 'auto';
  area.style.height = area.scrollHeight + 'px';
}
