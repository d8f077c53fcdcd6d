// The teleprompter: large type that moves at the speed of speech, for whoever stands before a camera.
// Keys are those that a keyboard, a presenter's clicker or a remote for phones sends.

import { WORDS, say } from './apps-kit.js';
import { node } from './house.js';

Object.assign(WORDS.zh, {
  close: '关闭', play: '开始滚动', pause: '停一下', slower: '慢一点', faster: '快一点', smaller: '字小一点', larger: '字大一点', mirror: '左右翻转', before: '上一句', after: '下一句',
  rate: '{rate} 字/分', staysOn: '屏幕会一直亮着', goesOff: '这个浏览器不让网页管亮屏（要 https）：请先在手机设置里把自动锁屏调长。',
  keys: '空格 开始/停 · ↑↓ 快慢 · ←→ 或翻页键 上下句 · + − 字号 · M 翻转 · Esc 关闭',
});
Object.assign(WORDS.en, {
  close: 'Close', play: 'Start', pause: 'Pause', slower: 'Slower', faster: 'Faster', smaller: 'Smaller type', larger: 'Larger type', mirror: 'Mirror', before: 'Sentence before', after: 'Next sentence',
  rate: '{rate} characters/min', staysOn: 'The screen stays on', goesOff: 'This browser lets no page keep the screen on (it takes https): set a longer screen time-out first.',
  keys: 'Space start/pause · ↑↓ speed · ←→ or page keys sentences · + − type · M mirror · Esc close',
});

const SLOWEST = 80, FASTEST = 480, STEP = 20;
const SMALLEST = 24, LARGEST = 120;
const READ_AT = 0.35; // of the height: where the eye rests
const kept = { rate: 240, size: 0, mirrored: false };

function weight(cue) {
  const said = cue.pieces.map((piece) => piece.say).join('');
  return Math.max(1, (said.match(/[\u4e00-\u9fff]/g) || []).length + 2 * (said.match(/[A-Za-z]+/g) || []).length);
}

/** Opens it over the page; opener gets the focus back. */
export function openPrompter(cues, label, opener) {
  const lines = cues.map((cue) => node('p', {}, cue.pieces.map((piece) => piece.say)));
  const starts = [];
  const whole = cues.reduce((sum, cue) => { starts.push(sum); return sum + weight(cue); }, 0);
  const text = node('div', { class: 'prompter-text' }, [...lines, label ? node('p', { class: 'prompter-label', text: label }) : null]);
  const window_ = node('div', { class: 'prompter-window' }, [text]);
  const rate = node('output', {});
  const awake = node('small', { role: 'status' });
  const button = (mark, word, run) => node('button', { type: 'button', 'aria-label': say(word), title: say(word), text: mark, onclick: run });
  const play = button('▶', 'play', toggle);
  const bar = node('div', { class: 'prompter-bar' }, [
    button('✕', 'close', close), play, button('−', 'slower', () => speed(-STEP)), rate, button('+', 'faster', () => speed(STEP)),
    button('A−', 'smaller', () => size(0.85)), button('A+', 'larger', () => size(1 / 0.85)), button('⇋', 'mirror', mirror),
    button('↑', 'before', () => jump(-1)), button('↓', 'after', () => jump(1)),
  ]);
  const box = node('div', { class: 'prompter', role: 'dialog', 'aria-modal': 'true', 'aria-label': say('prompter'), tabindex: '-1' }, [
    window_, bar, node('div', { class: 'prompter-foot' }, [awake, node('small', { text: say('keys') })]),
  ]);
  let place = 0, playing = false, then = 0, lock = null, closed = false, current = -1;

  function cueAt() {
    let number = starts.length - 1;
    while (number > 0 && starts[number] > place) number -= 1;
    return number;
  }

  function show() {
    const number = cueAt();
    const line = lines[number];
    if (!line) return;
    const part = Math.min(1, (place - starts[number]) / weight(cues[number]));
    const y = line.offsetTop + part * line.offsetHeight;
    text.style.transform = 'translateY(' + (READ_AT * window_.clientHeight - y).toFixed(1) + 'px)';
    if (number !== current) {
      lines.forEach((one, at) => one.classList.toggle('now', at === number));
      current = number;
    }
  }

  function step(now) {
    if (closed || !playing) return;
    place = Math.min(whole, place + (now - then) / 60000 * kept.rate);
    then = now;
    show();
    if (place >= whole) stop();
    else requestAnimationFrame(step);
  }

  function stop() {
    playing = false;
    play.textContent = '▶';
    play.setAttribute('aria-label', say('play'));
  }

  function toggle() {
    if (playing) return stop();
    if (place >= whole) place = 0;
    playing = true;
    play.textContent = '❚❚';
    play.setAttribute('aria-label', say('pause'));
    requestAnimationFrame((now) => { then = now; step(now); });
  }

  function speed(change) {
    kept.rate = Math.max(SLOWEST, Math.min(FASTEST, kept.rate + change));
    rate.textContent = say('rate', { rate: kept.rate });
  }

  function size(factor) {
    kept.size = Math.max(SMALLEST, Math.min(LARGEST, (kept.size || Math.max(36, Math.min(72, window.innerWidth / 9))) * factor));
    text.style.fontSize = kept.size.toFixed(1) + 'px';
    show();
  }

  function mirror() {
    kept.mirrored = !kept.mirrored;
    window_.classList.toggle('mirrored', kept.mirrored);
  }

  function jump(by) {
    const number = Math.max(0, Math.min(lines.length - 1, cueAt() + by));
    place = starts[number];
    then = performance.now();
    show();
  }

  function keyed(event) {
    const actions = {
      ' ': toggle, Enter: toggle, MediaPlayPause: toggle, b: toggle, ArrowUp: () => speed(STEP), ArrowDown: () => speed(-STEP),
      ArrowRight: () => jump(1), PageDown: () => jump(1), MediaTrackNext: () => jump(1), ArrowLeft: () => jump(-1), PageUp: () => jump(-1), MediaTrackPrevious: () => jump(-1),
      '+': () => size(1 / 0.85), '=': () => size(1 / 0.85), '-': () => size(0.85), m: mirror, M: mirror, Escape: close, Home: () => jump(-lines.length),
    };
    if (event.key === 'Tab') {
      const stops = bar.querySelectorAll('button');
      const at = Array.prototype.indexOf.call(stops, document.activeElement);
      stops[(at + (event.shiftKey ? -1 : 1) + stops.length) % stops.length].focus();
      event.preventDefault();
      return;
    }
    const onButton = document.activeElement && document.activeElement.parentNode === bar;
    if (!actions[event.key] || (onButton && (event.key === ' ' || event.key === 'Enter'))) return;
    event.preventDefault();
    actions[event.key]();
  }

  async function stayOn() {
    if (closed || document.visibilityState !== 'visible') return;
    try {
      const got = await navigator.wakeLock.request('screen');
      if (closed) { got.release(); return; }
      lock = got;
      awake.textContent = say('staysOn');
    } catch (error) {
      awake.textContent = say('goesOff'); // no https, a low battery, or a browser without it
    }
  }

  function close() {
    closed = true;
    document.removeEventListener('keydown', keyed, true);
    document.removeEventListener('visibilitychange', stayOn);
    window.removeEventListener('resize', show);
    window.removeEventListener('popstate', close);
    if (lock) lock.release();
    document.body.classList.remove('prompting');
    box.remove();
    opener.focus();
  }

  window_.addEventListener('click', toggle);
  window_.addEventListener('wheel', (event) => { event.preventDefault(); jump(event.deltaY > 0 ? 1 : -1); }, { passive: false });
  document.addEventListener('keydown', keyed, true);
  document.addEventListener('visibilitychange', stayOn);
  window.addEventListener('resize', show);
  window.addEventListener('popstate', close);
  document.body.classList.add('prompting');
  document.body.appendChild(box);
  window_.classList.toggle('mirrored', kept.mirrored);
  speed(0);
  size(1);
  stayOn();
  box.focus();
}
