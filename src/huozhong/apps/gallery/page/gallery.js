// The gallery's page: its tabs, and looking who it is.

import { ask } from '/page/api.js';
import { $, button, node, reason, run, sayer } from '/page/house.js';
import { isChinese, language, setLanguage } from '/page/language.js';
import { createEye, fromFile, mayHaveCamera } from './eye.js';
import { log, people, register, rules } from './owner.js';

const DOORS = '/house/room/gallery/';
const chineseKind = isChinese() ? language() : 'zh'; // traditional stays traditional
const kit = { say: null, ask: (method, path, body) => ask(method, DOORS + path, body), upload, eyeBox, show, threshold, state: null };
const TABS = { look, register, people, log, rules };
let tab = 'look';
let eye = null;

/** A picture to the server: {frame, faces}. */
function upload(blob, alone) {
  return ask('POST', DOORS + 'frames' + (alone ? '?alone=1' : ''), blob);
}

/**
 * The camera with its buttons, or the photo's button alone.  taken(blobs): pictures were taken; count: how many at a
 * press; takeKey: what the button says.
 */
function eyeBox(takeKey, count, taken, problem) {
  const { say } = kit;
  const take = button(say(takeKey), 'main', async () => taken(await eye.take(count)), problem);
  const turn = button('', 'plain', async () => {
    if (eye.isOn()) eye.stop();
    else await eye.start().catch((error) => { problem.textContent = say('noCamera', { reason: error.name }); });
  }, problem);
  const file = node('input', { type: 'file', accept: 'image/*', capture: 'user', 'aria-label': say('photo') });
  file.addEventListener('change', () => {
    const chosen = Array.from(file.files);
    file.value = '';
    run(file, async () => taken(await Promise.all(chosen.map(fromFile))), problem);
  });
  function changed() {
    take.hidden = !eye.isOn();
    turn.textContent = say(eye.isOn() ? 'stopCamera' : 'startCamera');
  }
  eye = createEye(say('camera'), changed);
  changed();
  const hint = mayHaveCamera ? null : node('p', { class: 'hint' }, [say('noSecure') + ' ', node('a', { href: '/page/trust', text: say('trust') }), say('closed')]);
  return node('div', {}, [
    mayHaveCamera && eye.view,
    node('div', { class: 'buttons' }, [mayHaveCamera && take, mayHaveCamera && turn, node('label', { class: 'plain photo' }, [say('photo'), file])]),
    hint,
  ]);
}

/** From which likeness on somebody counts as known, and how often that is wrong. */
function threshold(of) {
  const key = { calibrated: 'thresholdCalibrated', given: 'thresholdGiven', strict: 'thresholdStrict' }[of.known];
  return kit.say(key, { likeness: of.likeness.toFixed(3), one: Math.round(1 / of.rate).toLocaleString() });
}

function look() {
  const { say, state } = kit;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const answer = node('div', { class: 'answer', id: 'answer', 'aria-live': 'polite' });
  async function taken(blobs) {
    answer.replaceChildren(node('p', { class: 'hint', text: say('seeing') }));
    try {
      const frames = [];
      for (const blob of blobs) frames.push((await upload(blob)).frame);
      showAnswer(answer, await kit.ask('POST', 'look', { frames }));
      answer.parentNode.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      answer.replaceChildren(node('p', { class: 'way', text: say('otherWay', { way: state.rules.other_way }) }));
      throw error;
    }
  }
  answer.append(node('p', { class: 'way', text: say('otherWay', { way: state.rules.other_way }) }));
  return [node('div', { class: 'two' }, [
    node('section', { class: 'card-box' }, [node('h2', { text: say('lookTitle') }), eyeBox('look', 3, taken, problem), problem]),
    node('section', { class: 'card-box' }, [answer, node('p', { class: 'hint', text: threshold(state.threshold) }), node('p', { class: 'hint', text: say('printed') })]),
  ])];
}

function showAnswer(box, found) {
  const { say } = kit;
  const known = found.name !== null;
  const bar = node('div', { class: known ? 'meter' : 'meter low', 'aria-hidden': 'true' }, [node('span'), node('i')]);
  bar.firstChild.style.width = Math.max(0, found.likeness * 100) + '%';
  bar.lastChild.style.left = found.threshold.likeness * 100 + '%';
  box.replaceChildren(
    node('p', { class: known ? 'who' : 'who unknown', text: known ? found.name : say('unknown') }),
    bar,
    node('p', { class: 'hint', text: say('likeness', { likeness: found.likeness.toFixed(3) }) + (found.faces > 1 ? ' · ' + say('manyFaces', found) : '') }),
    node('p', { class: 'way', text: say('otherWay', { way: found.other_way }) })
  );
}

/** Fetches what holds now and shows a tab. */
async function show(name) {
  const main = $('main');
  if (eye) eye.stop();
  tab = name || tab;
  const { say } = kit;
  try {
    kit.state = await kit.ask('GET', 'state');
  } catch (error) {
    main.replaceChildren(node('h1', { text: say('title') }), node('p', { class: 'problem', text: reason(error) }));
    return;
  }
  const isOwner = kit.state.role === 'owner';
  if (!kit.state.rules) tab = isOwner ? 'rules' : 'look';
  const half = isChinese() ? 'zh' : 'en';
  const nav = node('nav', { class: 'tabs', 'aria-label': say('title') }, Object.keys(TABS).map((key) =>
    node('button', { type: 'button', id: 'tab-' + key, text: say(key), 'aria-current': key === tab && 'page', onclick: () => show(key) })));
  let parts = [node('p', { text: say('notSet') })];
  if (kit.state.rules || isOwner) {
    try {
      parts = await TABS[tab](kit);
    } catch (error) {
      parts = [node('p', { class: 'problem', role: 'alert', text: reason(error) })];
    }
  }
  main.replaceChildren(
    node('h1', { text: say('title') }),
    node('p', { class: 'lead', text: say('lead') }),
    isOwner ? nav : '',
    kit.state.problem ? node('p', { class: 'warn', text: kit.state.problem[half] }) : '',
    ...parts
  );
}

function tell() {
  document.title = kit.say('title');
  $('back').textContent = kit.say('back');
  $('language').textContent = kit.say('other');
  $('language').lang = isChinese() ? 'en' : 'zh-CN';
}

$('language').addEventListener('click', () => {
  setLanguage(isChinese() ? 'en' : chineseKind);
  tell();
  show();
});
window.addEventListener('pagehide', () => eye && eye.stop());
ask('GET', 'words.json').then((words) => {
  kit.say = sayer(words);
  tell();
  show();
});
