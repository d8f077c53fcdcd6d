// How a question and an answer look.

import { linkSources, sourceLine } from './attach.js';
import { copyButton, element, fitHeight, icon, iconButton, isPlainEnter, textButton } from './dom.js';
import { bill, short } from './format.js';
import { label, t } from './i18n.js';
import { Prose, linkNumbers } from './prose.js';
import { canSpeak, speak } from './voice.js';

const MOST_SOURCES = 6;

/**
 * actions: {edit(message, text), again(message), goOn(message), decide(message, call id, allow), walk(message, step), newChat(), resend(message),
 * shorten(message), isBusy(), folds(): thoughts stay folded, total(): the bill of the whole conversation}
 */
export function createView(message, actions) {
  return message.role === 'user' ? new QuestionView(message, actions) : new AnswerView(message, actions);
}

/** ‹ 2/3 › beside messages that have others beside them. */
class Walk {
  constructor(message, actions) {
    this.node = element('span', 'walk');
    this.back = this.node.appendChild(iconButton('back', 'walkBack', () => actions.walk(message, -1)));
    this.text = this.node.appendChild(element('span'));
    this.on = this.node.appendChild(iconButton('chevron', 'walkOn', () => actions.walk(message, 1)));
  }

  refresh(place) {
    this.node.hidden = place.count < 2 || place.busy;
    this.text.textContent = place.index + 1 + '/' + place.count;
    this.back.disabled = place.index === 0;
    this.on.disabled = place.index === place.count - 1;
  }
}

class QuestionView {
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    this.node = element('article', 'message user');
    this.bubble = element('div', 'bubble');
    (message.files || []).forEach((file) => this.bubble.appendChild(element('div', 'chip', file.name)));
    this.text = this.bubble.appendChild(element('div', '', message.content));
    this.text.dir = 'auto';
    this.tools = element('div', 'tools');
    this.walk = new Walk(message, actions);
    this.tools.appendChild(this.walk.node);
    this.change = this.tools.appendChild(iconButton('edit', 'edit', () => this.edit()));
    this.node.appendChild(this.bubble);
    this.node.appendChild(this.tools);
  }

  refresh(place) {
    this.node.setAttribute('aria-label', t('you'));
    this.change.hidden = place.busy || Boolean(this.message.local);
    this.walk.refresh(place);
    this.node.classList.toggle('last', place.lastQuestion);
    if (this.send) this.send.disabled = place.busy;
    this.node.classList.toggle('branched', place.count > 1);
  }

  isEditing() {
    return Boolean(this.send);
  }

  edit() {
    if (this.isEditing()) return;
    const editor = element('div', 'editor');
    const area = editor.appendChild(element('textarea'));
    area.value = this.message.content;
    label(area, 'edit');
    const row = editor.appendChild(element('div', 'actions'));
    const close = () => {
      this.send = null;
      this.node.replaceChild(this.bubble, editor);
      this.tools.hidden = false;
      this.change.focus();
    };
    const submit = () => {
      const text = area.value.trim();
      if (!text || this.actions.isBusy()) return;
      close();
      this.actions.edit(this.message, text);
    };
    row.appendChild(textButton('cancel', '', close));
    this.send = row.appendChild(textButton('send', 'strong', submit));
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
    this.reasoning = new Prose(this.thinking.appendChild(element('div', 'text')));
    this.touched = false; // once the reader opens or folds the thoughts, they stay that way
    this.summary.addEventListener('click', () => {
      this.touched = true;
    });
    this.thinking.addEventListener('toggle', () => this.showReasoning());
    const body = this.node.appendChild(element('div', 'text body'));
    body.dir = 'auto';
    this.content = new Prose(body);
    this.calls = this.node.appendChild(element('div'));
    this.extra = this.node.appendChild(element('div', 'extra'));
    this.tools = this.node.appendChild(this.createTools());
    this.bill = this.node.appendChild(element('dl', 'bill'));
    this.bill.hidden = true;
    if (message.state !== 'running') this.finish();
  }

  createTools() {
    const { message, actions } = this;
    const tools = element('div', 'tools');
    this.copy = tools.appendChild(copyButton('copyAnswer', () => message.content));
    this.again = tools.appendChild(iconButton('again', 'again', () => actions.again(message)));
    this.sound = tools.appendChild(iconButton('sound', 'readAloud', () => speak(this.sound, this.content.node)));
    this.price = tools.appendChild(iconButton('coin', 'bill', () => this.toggleBill()));
    this.price.setAttribute('aria-expanded', 'false');
    this.walk = new Walk(message, actions);
    tools.appendChild(this.walk.node);
    return tools;
  }

  isEditing() {
    return false;
  }

  /** Shows what has arrived so far. */
  grow() {
    this.showReasoning();
    if (this.message.content) this.content.grow(this.message.content);
  }

  /** Thoughts are typeset once somebody looks at them. */
  showReasoning() {
    const text = this.message.reasoning;
    if (!this.thinking.open || !text || this.shownReasoning === text) return;
    this.shownReasoning = text;
    if (this.message.state === 'running') this.reasoning.grow(text);
    else this.reasoning.finish(text);
  }

  /** Typesets the finished message. */
  finish() {
    const message = this.message;
    this.shownReasoning = '';
    this.showReasoning();
    return this.content.finish(message.content, message.html, message.later).then((html) => {
      message.html = html;
      if (message.rule) linkNumbers(this.content.node, message.rule.numbers || []);
      const sources = message.files || [];
      if (!sources.length) return;
      const quoted = linkSources(this.content.node, sources);
      this.content.node.appendChild(sourceLine((quoted.length ? quoted : sources).filter(isFirst).slice(0, MOST_SOURCES)));
    });
  }

  refresh(place) {
    const message = this.message;
    const live = message.state === 'running';
    const thinkingNow = live && !message.content;
    this.node.setAttribute('aria-label', t('answerTo', { question: place.question.slice(0, 60) }));
    this.node.classList.toggle('live', live);
    this.thinking.hidden = !message.reasoning;
    this.thinking.classList.toggle('now', thinkingNow);
    if (!this.touched) this.thinking.open = thinkingNow && !this.actions.folds();
    const seconds = message.think_ms > 0 ? Math.max(0.1, message.think_ms / 1000).toFixed(1) : '';
    this.summaryText.textContent = thinkingNow ? t('thinking') : seconds ? t('thought', { seconds }) : t('thoughtPlain');
    this.tools.hidden = live || Boolean(message.local);
    this.copy.hidden = !message.content;
    this.sound.hidden = !message.content || !canSpeak();
    this.again.hidden = place.busy || Boolean(message.rule) || (message.state === 'failed' && place.last);
    this.price.hidden = !message.usage || Boolean(message.rule);
    this.walk.refresh(place);
    if (live && !this.bill.hidden) this.toggleBill();
    if (!this.bill.hidden) this.fillBill();
    this.showExtra(place);
    if ((message.calls || []).length) this.showCalls(place);
  }

  /** Tools that the model called; few conversations have any. */
  showCalls(place) {
    const { message, actions } = this;
    const on = { decide: (call, allow) => actions.decide(message, call, allow), goOn: () => actions.goOn(message) };
    import('./foreign.js').then((foreign) => foreign.showCalls(this.calls, message, on, place.last && !place.busy));
  }

  toggleBill() {
    this.bill.hidden = !this.bill.hidden;
    this.price.setAttribute('aria-expanded', String(!this.bill.hidden));
    if (!this.bill.hidden) this.fillBill();
  }

  fillBill() {
    this.bill.textContent = '';
    bill(this.message, this.actions.total()).forEach(([name, value]) => {
      const row = this.bill.appendChild(element('div'));
      row.appendChild(element('dt', '', name));
      row.appendChild(element('dd', '', value));
    });
  }

  showExtra(place) {
    const message = this.message;
    this.extra.textContent = '';
    if (message.state === 'running') {
      this.showProgress();
    } else if (message.state === 'failed') {
      this.extra.appendChild(this.problem(place));
    } else {
      if (message.rule) this.extra.appendChild(element('p', 'note fixed', t('fixedText')));
      const note = message.finish === 'length' ? 'lengthLimit' : { stopped: 'stopped', cut: 'cut' }[message.state];
      if (!note && (message.content || message.finish === 'tool_calls')) return;
      const line = this.extra.appendChild(element('p', 'note', t(note || 'empty')));
      if (note && place.last && !place.busy && message.content) {
        line.appendChild(textButton('goOn', 'small', () => this.actions.goOn(message)));
      }
    }
  }

  showProgress() {
    const message = this.message;
    const begun = message.reasoning || message.content;
    if (message.isLost) {
      this.extra.appendChild(element('p', 'note', t('reconnecting')));
      return;
    }
    if (begun) {
      if (message.speed > 0) this.extra.appendChild(element('p', 'note speed', t('liveSpeed', { rate: short(message.speed) })));
      return;
    }
    const dot = this.extra.appendChild(element('span', 'waiting'));
    dot.setAttribute('role', 'img');
    dot.setAttribute('aria-label', t('answering'));
    const { waiting } = message;
    if (waiting && waiting.loading >= 0) {
      const bar = this.extra.appendChild(element('progress'));
      bar.max = 100;
      bar.value = waiting.loading;
      bar.setAttribute('aria-label', t('loadingModel', { percent: waiting.loading }));
    }
    const text = waitingText(waiting);
    if (text) this.extra.appendChild(element('span', 'note', text));
  }

  problem(place) {
    const message = this.message;
    const kind = message.finish === 'context_length_exceeded' ? (place.first ? 'tooLong' : 'context') : message.finish;
    const known = ['offline', 'busy', 'context', 'tooLong', 'gone', 'login'].indexOf(kind) >= 0;
    const text = t('error.' + (known ? kind : 'server'), { message: message.error || '' });
    const box = element('div', 'problem', text);
    box.setAttribute('role', 'alert');
    if (!place.last || place.busy) return box;
    const row = box.appendChild(element('div', 'actions'));
    if (kind === 'context') row.appendChild(textButton('newChat', 'strong', () => this.actions.newChat()));
    else if (kind === 'tooLong') row.appendChild(textButton('shorten', 'strong', () => this.actions.shorten(message)));
    else if (message.local) row.appendChild(textButton('retry', '', () => this.actions.resend(message)));
    else row.appendChild(textButton('retry', '', () => this.actions.again(message)));
    return box;
  }
}

function isFirst(source, index, all) {
  return all.indexOf(source) === index;
}

function waitingText(waiting) {
  if (!waiting) return '';
  if (waiting.loading >= 0) return t('loadingModel', { percent: waiting.loading });
  if (waiting.place > 0) {
    const seconds = Math.ceil(waiting.seconds || 0);
    return seconds > 0 ? t('placeAndSeconds', { place: waiting.place, seconds }) : t('place', { place: waiting.place });
  }
  if (!(waiting.prompt_total > 0) || waiting.prompt_done >= waiting.prompt_total) return '';
  return t('reading', { percent: Math.floor((100 * waiting.prompt_done) / waiting.prompt_total) });
}

