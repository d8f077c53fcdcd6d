// A script to be read aloud: each sentence shows what it rests on; words that should not be said, at their place.

import { WORDS, say } from './apps-kit.js';
import { node } from './house.js';

Object.assign(WORDS.zh, {
  prompter: '提词器', tapHint: '点一句话，看它对着商品单的哪一行。', rests: '对着单子的：', restsOnNothing: '单子上没有这句，念之前请自己看一遍。', partly: '这句话还有一部分单子上没有，念之前请自己看一遍。',
  heldBack: '这几个字单子上没有：{list}。核对过、真有这回事，才勾上念。', readIt: '我核对过，念这句',
  sheet: '商品单', leftOut: '没有放进稿子的 {number} 句', instead: '可换成：{text}', about: '约 {seconds} 秒', comma: '、', semicolon: '；',
});
Object.assign(WORDS.en, {
  prompter: 'Teleprompter', tapHint: 'Tap a sentence to see the line of the sheet that it rests on.', rests: 'It rests on:', restsOnNothing: 'The sheet does not say this: read it yourself before you say it.', partly: 'A part of this is not on the sheet: read it yourself before you say it.',
  heldBack: 'The sheet does not say: {list}. Tick it only if you have made sure that it is true.', readIt: 'I have made sure: read it',
  sheet: 'The sheet', leftOut: '{number} sentences left out', instead: 'instead: {text}', about: 'about {seconds} s', comma: ', ', semicolon: '; ',
});

document.head.appendChild(node('link', { rel: 'stylesheet', href: '/page/apps-script.css' }));

function clock(seconds) {
  return Math.floor(seconds / 60) + ':' + String(Math.floor(seconds % 60)).padStart(2, '0');
}

/** A text, the marked places in it as <mark>, and behind each what could stand there instead. */
function marked(text, marks, offset) {
  const parts = [];
  let at = 0;
  (marks || []).map((mark) => ({ ...mark, start: mark.start - offset, end: mark.end - offset }))
    .filter((mark) => mark.start >= at && mark.end <= text.length && mark.end > mark.start)
    .sort((one, other) => one.start - other.start)
    .forEach((mark) => {
      if (mark.start < at) return;
      parts.push(text.slice(at, mark.start), node('mark', { title: mark.why, text: text.slice(mark.start, mark.end) }));
      if (mark.suggestion) parts.push(node('small', { class: 'instead', text: say('unit', { unit: say('instead', { text: mark.suggestion }) }) }));
      at = mark.end;
    });
  parts.push(text.slice(at));
  return parts.filter(Boolean);
}

/** A sentence: what is spoken, with the digits above it. */
function spoken(cue) {
  let offset = 0;
  return cue.pieces.reduce((parts, piece) => {
    const said = marked(piece.say, cue.marks, offset);
    offset += piece.say.length;
    return parts.concat(piece.written ? [node('ruby', {}, [...said, node('rt', { text: piece.written })])] : said);
  }, []);
}

/** The whole view of a script; label: the line that says who made it. */
export function scriptOf(script, label) {
  const rows = script.sheet.map((line) => node('li', {}, marked(line.text, line.marks, 0)));
  const basis = node('div', { class: 'basis', hidden: true, role: 'status' });
  const view = node('div', { class: 'script' });
  const allowed = new Map(); // held sentences that the reader has vouched for
  let part = null, chosen = null;
  function choose(sentence, cue) {
    if (chosen) chosen.setAttribute('aria-pressed', 'false');
    rows.forEach((row, number) => row.classList.toggle('on', chosen !== sentence && cue.lines.indexOf(number + 1) >= 0));
    if (chosen === sentence) {
      chosen = null;
      basis.hidden = true;
      return;
    }
    chosen = sentence;
    sentence.setAttribute('aria-pressed', 'true');
    const own = cue.lines.filter((line) => script.sheet[line - 1]).map((line) => node('li', {}, [line + '. ' + script.sheet[line - 1].text]));
    basis.replaceChildren(
      own.length ? node('b', { text: say('rests') }) : node('span', { text: say('restsOnNothing') }),
      node('ul', {}, own),
      ...(own.length && cue.loose ? [node('span', { text: say('partly') })] : []),
    );
    basis.hidden = false;
    sentence.after(basis);
  }
  script.cues.forEach((cue) => {
    if (cue.part !== part) {
      part = cue.part;
      const seconds = script.cues.filter((one) => one.part === part && !one.held.length).reduce((sum, one) => sum + one.seconds, 0);
      view.appendChild(node('h3', { text: part + ' · ' + clock(cue.start) + ' · ' + say('about', { seconds: Math.round(seconds) }) }));
    }
    const sentence = node('button', { type: 'button', class: 'sentence' + (cue.loose ? ' loose' : ''), 'aria-pressed': 'false', onclick: () => choose(sentence, cue) }, spoken(cue));
    view.appendChild(sentence);
    if (!cue.held.length) return;
    sentence.classList.add('held');
    const tick = node('input', { type: 'checkbox', onchange: () => {
      sentence.classList.toggle('held', !tick.checked);
      allowed.set(cue, tick.checked);
    } });
    view.appendChild(node('label', { class: 'held-line' }, [tick, node('span', {}, [say('readIt')]), node('small', { text: say('heldBack', { list: cue.held.join(say('comma')) }) })]));
  });
  const opener = node('button', { type: 'button', class: 'main', text: say('prompter'), onclick: async () => {
    (await import('./apps-prompter.js')).openPrompter(script.cues.filter((cue) => !cue.held.length || allowed.get(cue)), label, opener);
  } });
  const left = script.left_out.length ? node('details', {}, [
    node('summary', { text: say('leftOut', { number: script.left_out.length }) }),
    node('ul', {}, script.left_out.map((one) => node('li', {}, [...marked(one.say, one.marks, 0), node('small', { text: one.why.join(say('semicolon')) })]))),
  ]) : null;
  const parts = [
    script.note ? node('p', { class: 'note', text: script.note }) : null,
    node('p', {}, [opener]), node('p', { class: 'hint', text: say('tapHint') }), view, left,
    node('h3', { text: say('sheet') }), node('ol', { class: 'sheet-lines' }, rows),
  ];
  return node('div', {}, parts);
}
