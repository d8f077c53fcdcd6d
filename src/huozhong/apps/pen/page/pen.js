// The pen: pictures in, a number on each pig, twenty labels each; where its teaching, its sizes and its price are.

import { ask, send } from '/page/api.js';
import { isChinese } from '/page/language.js';
import { $, node, reason, sayer, speak } from '/page/house.js';
import { asPpm, board, drawn, markPig, ofPhoto, throughFilm } from './picture.js';

const HOUSE = '/house/room/pen/';
const VIEWS = ['watch', 'teach', 'pen', 'price'];
const EVERY = 1; // seconds between pictures of a film or a camera

const words = {};
const say = sayer(words);
const room = {
  say,
  state: null,
  picture: null, // the last one that was looked at
  pigs: [],
  chosen: null,
  weight: null, // of the chosen pig: {value, how}
  get: (path) => ask('GET', HOUSE + path),
  put: (path, body) => ask('PUT', HOUSE + path, body),
  post: (path, body) => ask('POST', HOUSE + path, body),
  send: (method, path, body) => send(method, HOUSE + path, body),
  guard,
  open,
};

/** Runs what may be refused; the refusal is said on top. */
async function guard(act, control) {
  $('problem').textContent = '';
  if (control) control.disabled = true;
  try {
    return await act();
  } catch (error) {
    $('problem').textContent = error.message === 'unreadable' ? say('nobody') : reason(error);
    $('problem').scrollIntoView({ block: 'nearest' });
    return undefined;
  } finally {
    if (control) control.disabled = false;
  }
}

function open(view) {
  VIEWS.forEach((name) => {
    $(name).hidden = name !== view;
  });
  document.querySelectorAll('#tabs button').forEach((each) => each.setAttribute('aria-pressed', String(each.dataset.view === view)));
  if (view !== 'watch') halt();
  guard(() => shows[view]());
}

/** A large button, or one that takes files. */
function large(text, act, className) {
  const made = node('button', { type: 'button', class: className || '', text });
  made.addEventListener('click', () => act(made));
  return made;
}

function files(text, accept, act, more) {
  const input = node('input', Object.assign({ type: 'file', accept, 'aria-label': text }, more));
  input.addEventListener('change', () => {
    const chosen = Array.from(input.files);
    input.value = '';
    if (chosen.length) act(chosen);
  });
  return node('label', { class: 'file' }, [text, input]);
}

room.large = large;
room.files = files;

// -- watching ------------------------------------------------------------------------------

let stage = null;
let going = 0; // counts what was begun, so that what was begun before stops
let camera = null;

function halt() {
  going += 1;
  if (camera) camera.getTracks().forEach((track) => track.stop());
  camera = null;
}

async function looked(canvas, time, begin) {
  const response = await room.send('POST', 'look?time=' + time + (begin ? '&begin=1' : ''), asPpm(canvas));
  const found = await response.json();
  room.picture = canvas;
  room.pigs = found.pigs;
  if (begin) {
    room.chosen = null;
    $('labels').replaceChildren();
    $('labels').dataset.number = '';
  }
  drawAll();
  if (room.chosen !== null) await showLabels();
}

function drawAll() {
  if (!stage || !room.picture) return;
  stage.show(room.picture, (context, scale) => {
    room.pigs.forEach((pig) => markPig(context, scale, pig.snout, pig.tail, pig.name || String(pig.number), pig.number === room.chosen));
  });
  $('seen').textContent = room.pigs.length ? say('seen', { n: room.pigs.length }) : say('nobody');
  $('numbers').replaceChildren(...room.pigs.map((pig) => node('button', {
    type: 'button', text: pig.name || String(pig.number), 'aria-pressed': String(pig.number === room.chosen), onclick: () => choose(pig.number),
  })));
}

function choose(number) {
  room.chosen = number;
  drawAll();
  return guard(showLabels);
}

function tapped(x, y) {
  let best = null;
  let least = Infinity;
  room.pigs.forEach((pig) => {
    const [ax, ay] = pig.tail;
    const [bx, by] = [pig.snout[0] - ax, pig.snout[1] - ay];
    const along = Math.min(1, Math.max(0, ((x - ax) * bx + (y - ay) * by) / (bx * bx + by * by)));
    const far = Math.hypot(x - ax - along * bx, y - ay - along * by);
    if (far < least) [best, least] = [pig, far];
  });
  if (best && least < room.picture.width / 12) choose(best.number);
}

function amount(label) {
  if (label.value === null) return '—';
  return label.value + (label.unit ? ' ' + label.unit : '');
}

async function showLabels() {
  const number = room.chosen;
  const found = await room.get('pigs/' + number);
  if (number !== room.chosen) return;
  const weight = found.labels.find((one) => one.key === 'weight');
  room.weight = weight.value === null ? null : weight;
  const list = found.labels.map((one) => node('li', { 'data-label': one.key }, [
    node('span', { class: 'what' }, [one.name, node('span', { class: 'how ' + one.how, text: say(one.how) })]),
    node('b', { text: amount(one) }),
    node('small', { text: one.why }),
  ]));
  if ($('labels').dataset.number === String(number)) {
    $('labels').querySelector('ul').replaceChildren(...list);
    return;
  }
  const pig = room.pigs.find((one) => one.number === number);
  const name = node('input', { maxlength: '20', value: (pig && pig.name) || '' });
  const kilos = node('input', { type: 'number', min: '3', max: '500', step: '0.1', inputmode: 'decimal' });
  const told = node('p', { class: 'hint', role: 'status' });
  $('labels').dataset.number = String(number);
  $('labels').replaceChildren(
    node('h2', { text: (pig && pig.name) || String(number) }),
    node('ul', { class: 'twenty' }, list),
    node('div', { class: 'row-line' }, [
      node('label', {}, [say('name'), name]),
      large(say('keep'), (control) => guard(async () => {
        const kept = await room.put('pigs/' + number + '/name', { name: name.value.trim() });
        room.pigs.forEach((one) => {
          one.name = kept.names[String(one.number)] || '';
        });
        drawAll();
        await showLabels();
      }, control), 'plain'),
      node('label', {}, [say('kilos'), kilos]),
      large(say('keep'), (control) => guard(async () => {
        await room.put('pigs/' + number + '/weight', { kilograms: Number(kilos.value) });
        told.textContent = say('weighed');
        await showLabels();
      }, control), 'plain'),
    ]),
    told,
    node('div', { class: 'big' }, [large(say('second'), () => open('price'), 'main')]),
  );
}

async function ofFilm(file) {
  halt();
  const mine = going;
  let begin = true;
  await throughFilm(file, EVERY, async (canvas, at) => {
    if (mine !== going) return false;
    await looked(canvas, at + 1, begin);
    begin = false;
    return true;
  });
}

async function ofCamera() {
  halt();
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    $('problem').textContent = say('noCamera');
    return;
  }
  const mine = going;
  camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: 1280 }, audio: false });
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = camera;
  await video.play();
  let begin = true;
  while (mine === going) {
    const started = Date.now();
    const canvas = drawn(video, video.videoWidth, video.videoHeight);
    await looked(canvas, started / 1000, begin);
    begin = false;
    await new Promise((resolve) => setTimeout(resolve, Math.max(50, EVERY * 1000 - (Date.now() - started))));
  }
}

function showWatch() {
  if (stage) {
    drawAll();
    return;
  }
  const holder = node('div', { class: 'view' });
  const tell = node('p', { class: 'hint', role: 'status' });
  $('watch').replaceChildren(
    node('p', { class: 'lead', text: say('lead') }),
    node('div', { class: 'big' }, [
      files(say('photo'), 'image/*', ([file]) => guard(async () => {
        halt();
        await looked(await ofPhoto(file), Date.now() / 1000, true);
      }), { id: 'photo' }),
      files(say('film'), 'video/*', ([file]) => guard(() => ofFilm(file)), { id: 'film' }),
      large(say('camera'), (control) => guard(ofCamera, null).then(() => control)),
      large(say('stop'), halt),
    ]),
    node('p', { class: 'hint', id: 'seen', role: 'status' }),
    holder,
    node('div', { class: 'numbers', id: 'numbers' }),
    node('div', { id: 'labels' }),
    node('div', { class: 'big' }, [
      files(say('sound'), 'audio/*', ([file]) => guard(async () => {
        tell.textContent = say('coughs', { n: (await (await room.send('POST', 'sound', file)).json()).coughs });
      })),
      files(say('thermal'), '.csv,text/csv', ([file]) => guard(async () => {
        tell.textContent = say('warm', { n: (await (await room.send('POST', 'thermal', file)).json()).pigs });
      })),
    ]),
    tell,
  );
  stage = board(holder, say('pick'), tapped);
  drawAll();
}

// -- the pen's sizes -----------------------------------------------------------------------

function showPen() {
  const kept = room.state.settings;
  const holder = node('div', { class: 'view' });
  const how = node('p', { class: 'hint', role: 'status', text: room.picture ? '' : say('first') });
  const field = (key, value, low, high) => {
    const input = node('input', { type: 'number', inputmode: 'decimal', min: low, max: high, step: 'any', id: 'pen-' + key });
    input.value = value === null || value === undefined ? '' : value;
    return node('label', {}, [say(key), input]);
  };
  const number = (key) => ($('pen-' + key).value === '' ? null : Number($('pen-' + key).value));
  const tapping = { what: '', points: [] };
  const places = { corners: kept.corners, feeder: kept.feeder, drinker: kept.drinker };
  const left = () => (tapping.what === 'corners' ? 4 : 2) - tapping.points.length;
  const map = board(holder, say('corners'), (x, y) => {
    if (!tapping.what) return;
    tapping.points.push([x, y]);
    if (left() === 0) {
      places[tapping.what] = tapping.what === 'corners' ? tapping.points : tapping.points.flat();
      tapping.what = '';
    }
    tell();
  });
  function tell() {
    how.textContent = tapping.what ? say(tapping.what === 'corners' ? 'cornersHow' : 'boxHow', { n: left() }) : '';
    if (!room.picture) return;
    map.show(room.picture, (context, scale) => {
      context.lineWidth = 2 * scale;
      context.strokeStyle = '#ffd400';
      if (places.corners) {
        context.beginPath();
        places.corners.forEach((point) => context.lineTo(point[0], point[1]));
        context.closePath();
        context.stroke();
      }
      [['feeder', '#5f5'], ['drinker', '#5bf']].forEach(([key, colour]) => {
        const box = places[key];
        context.strokeStyle = colour;
        if (box) context.strokeRect(Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.abs(box[2] - box[0]), Math.abs(box[3] - box[1]));
      });
      tapping.points.forEach((point) => tapping.what && context.strokeRect(point[0] - 3, point[1] - 3, 6, 6));
    });
  }
  const start = (what) => large(say(what), () => {
    tapping.what = room.picture ? what : '';
    tapping.points = [];
    tell();
    if (!room.picture) how.textContent = say('first');
  });
  $('pen').replaceChildren(
    node('p', { class: 'lead', text: say('penLead') }),
    node('div', { class: 'row-line' }, [
      field('count', kept.count, 1, 100), field('width', kept.sides && kept.sides[0], 0.3, 100), field('depth', kept.sides && kept.sides[1], 0.3, 100),
      field('height', kept.camera, 1.2, 30), field('target', kept.target, 30, 300),
    ]),
    node('div', { class: 'big' }, [start('corners'), start('feeder'), start('drinker')]),
    holder,
    how,
    node('div', { class: 'big' }, [large(say('save'), (control) => guard(async () => {
      const given = Object.assign({ count: number('count'), camera: number('height') }, places);
      if (number('target') !== null) given.target = number('target');
      if (number('width') !== null && number('depth') !== null) given.sides = [number('width'), number('depth')];
      room.state.settings = (await room.put('settings', given)).settings;
      how.textContent = say('saved');
    }, control), 'main')]),
  );
  tell();
}

// -- all together --------------------------------------------------------------------------

/** A view that is another file's: fetched once. */
function fetched(load) {
  let made = null;
  return async () => {
    made = made || load();
    (await made)();
  };
}

const shows = {
  watch: showWatch,
  teach: fetched(async () => (await import('./teach.js')).teaching(room)),
  pen: showPen,
  price: fetched(async () => (await import('./price.js')).pricing(room)),
};

/** One language is read, when it is chosen; what teaches and what prices when its tab is opened. */
async function readWords() {
  const half = isChinese() ? 'zh' : 'en';
  words[half] = words[half] || await (await fetch('words-' + half + '.json')).json();
}

function show() {
  document.title = say('title');
  $('title').textContent = say('title');
  $('back').textContent = say('back');
  document.documentElement.lang = isChinese() ? 'zh-CN' : 'en';
  $('tabs').replaceChildren(...VIEWS.map((view) => {
    const made = large(say(view), () => guard(async () => {
      room.state = await room.get('state');
      open(view);
    }));
    made.dataset.view = view;
    return made;
  }));
  stage = null;
  if (room.state) open(VIEWS.find((view) => !$(view).hidden));
}

await readWords();
speak(() => readWords().then(show));
await guard(async () => {
  room.state = await room.get('state');
  open(!room.state.detector && room.state.frames.length ? 'teach' : 'watch');
});
