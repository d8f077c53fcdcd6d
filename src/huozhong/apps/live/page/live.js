// The seller's page: what is typed or dictated goes to the house as it grows, one request after another.

import { ask, send as request } from '/page/api.js';
import { setLanguage } from '/page/language.js';
import { board, follow, label, NAMES, words } from './feed.js';
import { head, listen } from './head.js';

const $ = (id) => document.getElementById(id);
const HOUSE = '/house/room/live/';
let say = await words();
let now = null;
let busy = false;
let wanted = null; // what waits to be sent: {final}
let boards = {};
let whose = {}; // by language, whose words stand on its board
let tried = null; // what this page's own trial found
let trying = Promise.resolve(); // what is said while it runs waits for it
let feeds = [];
let quiet = null;
const face = head($('head'));

function problem(error) {
  $('problem').textContent = error ? error.message : '';
  $('problem').hidden = !error;
}

async function doing(work) {
  problem(null);
  try {
    await work();
  } catch (error) {
    problem(error);
  }
}

function check(key, on) {
  const label = document.createElement('label');
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.value = key;
  box.checked = on;
  box.addEventListener('change', () => doing(save));
  label.append(box, ' ' + NAMES[key]);
  return label;
}

function wordRow(row) {
  const line = $('words').insertRow();
  ['zh', ...now.languages].forEach((key) => {
    const input = document.createElement('input');
    input.dataset.key = key;
    input.value = row[key] || '';
    input.maxLength = 60;
    input.setAttribute('aria-label', NAMES[key]);
    input.placeholder = NAMES[key];
    line.insertCell().append(input);
  });
}

function glossary() {
  return Array.from($('words').rows)
    .map((line) => Object.fromEntries(Array.from(line.querySelectorAll('input'), (one) => [one.dataset.key, one.value.trim()])))
    .map((row) => Object.fromEntries(Object.entries(row).filter((pair) => pair[1])))
    .filter((row) => row.zh);
}

/** Whether the model here can translate. */
async function tryOut() {
  tried = (await ask('POST', HOUSE + 'trial')).can;
  $('cannot').hidden = tried;
  return tried;
}

async function save() {
  const languages = Array.from($('languages').querySelectorAll('input:checked'), (one) => one.value);
  show(await ask('PUT', HOUSE + 'settings', { languages, glossary: glossary() }));
  $('saved').textContent = say.saved;
}

function watch() {
  feeds.forEach((one) => one.close());
  $('said').replaceChildren();
  boards = {};
  whose = {};
  label($('whose'), say, '');
  feeds = now.languages.map((language) => {
    const box = document.createElement('div');
    box.dataset.language = language;
    $('said').append(box);
    boards[language] = board(box, 4, (one) => {
      whose[language] = one;
      label($('whose'), say, ['ai', 'own'].find((kind) => Object.values(whose).includes(kind)) || '');
    });
    return follow(HOUSE + 'captions', language, {
      lines: (list) => boards[language].fill(list),
      line: (one) => boards[language].show(one),
      live() {},
      languages() {},
      lost: (is) => is && box.setAttribute('aria-busy', 'true'),
    });
  });
}

function show(state) {
  const changed = !now || String(now.languages) !== String(state.languages) || now.link !== state.link;
  now = state;
  $('live').disabled = false;
  $('live').textContent = state.live ? say.stop : say.start;
  $('live').classList.toggle('on', state.live);
  $('state').textContent = state.live ? say.live + ' · ' + state.viewers + ' ' + say.viewers : say.off;
  $('cannot').hidden = (state.can === null ? tried : state.can) !== false;
  $('share').hidden = !state.link;
  $('no-share').hidden = Boolean(state.link);
  if (state.link) {
    $('link').value = state.link;
    $('obs').href = state.link + 'obs.html?language=' + (state.languages[0] || 'zh') + '&avatar=1';
    $('vtts').replaceChildren(
      ...state.languages.map((one) => {
        const link = document.createElement('a');
        link.href = state.link + 'captions.vtt?language=' + one;
        link.textContent = say.vtt + ' ' + NAMES[one] + ' ';
        return link;
      })
    );
  }
  $('face').textContent = !state.face.engine ? say.faceNone : state.face.consent ? say.faceHave : '';
  $('face-ask').hidden = !state.face.engine || state.face.consent;
  $('face-forget').hidden = !state.face.consent;
  if (!changed) return;
  if (state.link) $('qr').src = HOUSE + 'qr.svg?' + state.link.length + state.link.slice(-8);
  $('languages').replaceChildren(...state.known.map((one) => check(one, state.languages.includes(one))));
  $('words').replaceChildren();
  state.glossary.forEach(wordRow);
  if (!state.glossary.length) wordRow({});
  watch();
}

/** Sends what stands in the box; what is said meanwhile waits for the answer and goes in one piece. */
async function send(final) {
  wanted = { final: final || Boolean(wanted && wanted.final) };
  if (busy) return;
  busy = true;
  await trying.catch(() => false); // why it failed is told by who began it
  while (wanted) {
    const { final: last } = wanted;
    wanted = null;
    const text = $('say').value;
    if (!text.trim()) break;
    await doing(async () => {
      const answer = await ask('POST', HOUSE + 'say', { text, final: last });
      if ($('say').value.startsWith(text)) $('say').value = $('say').value.slice(text.length - answer.rest.length);
    });
  }
  busy = false;
}

function dictate() {
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  if (!Recognition) {
    $('mic').hidden = true;
    $('mic-note').textContent = say.noMic;
    return;
  }
  let running = null;
  $('mic').textContent = say.mic;
  $('mic').addEventListener('click', () => {
    if (running) {
      running.stop();
      return;
    }
    running = new Recognition();
    running.lang = 'zh-CN';
    running.continuous = true;
    running.interimResults = true;
    running.onresult = (event) => {
      const result = event.results[event.results.length - 1];
      $('say').value = result[0].transcript;
      send(result.isFinal);
    };
    running.onend = () => {
      running = null;
      $('mic').textContent = say.mic;
    };
    running.start();
    $('mic').textContent = say.micStop;
  });
}

$('live').addEventListener('click', () =>
  doing(async () => {
    const starts = !now.live;
    if (starts) tried = null; // another model may be served by now
    show(await ask('POST', HOUSE + (starts ? 'start' : 'stop')));
    if (!starts) return;
    trying = tryOut(); // nobody should read nonsense before somebody presses the other button
    await trying;
  })
);
$('say').addEventListener('input', () => send(false));
$('say').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
  event.preventDefault();
  send(true);
});
$('add').addEventListener('click', () => wordRow({}));
$('save').addEventListener('click', () => doing(save));
$('copy').addEventListener('click', () => {
  $('link').select();
  document.execCommand('copy');
  $('copy').textContent = say.copied;
});
$('trial').addEventListener('click', () =>
  doing(async () => {
    $('trial-said').textContent = say.busy;
    $('trial-said').textContent = (await tryOut()) ? say.trialGood : say.trialBad;
  })
);
$('mouth').addEventListener('click', () =>
  doing(async () => {
    if (quiet) {
      quiet();
      quiet = null;
      face.mouth(0);
      return;
    }
    let sent = 0;
    quiet = await listen((level) => {
      face.mouth(level);
      if (now.live && Date.now() - sent > 160) {
        sent = Date.now();
        ask('POST', HOUSE + 'mouth', { level }).catch(problem);
      }
    });
  })
);
$('face-ask').addEventListener('click', () =>
  doing(async () => {
    $('face').textContent = say.faceSay + ' ' + (await ask('POST', HOUSE + 'face/challenge')).phrase;
  })
);
$('face-forget').addEventListener('click', () =>
  doing(async () => {
    await request('DELETE', HOUSE + 'face');
    show(await ask('GET', HOUSE + 'state'));
  })
);
$('other').addEventListener('click', () => {
  setLanguage(document.documentElement.lang === 'en' ? 'zh' : 'en');
  location.reload();
});
$('back').textContent = say.back;
$('other').textContent = say.other;
document.title = say.title;
$('say').placeholder = say.say;
dictate();
await doing(async () => show(await ask('GET', HOUSE + 'state')));
setInterval(() => {
  if (!document.hidden) ask('GET', HOUSE + 'state').then(show, problem);
}, 5000);
