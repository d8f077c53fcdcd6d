// Teaching: frames with two taps a pig, learning in the background, and what came of it.

import { $, node } from '/page/house.js';
import { asPpm, board, fromPpm, markPig, ofPhoto, throughFilm } from './picture.js';

const ASK_EVERY = 2000; // milliseconds, while it learns
const FROM_FILM = 40; // frames at most of one film

export function teaching(room) {
  const { say, guard } = room;
  let taps = []; // [x, y] in turn: snout, tail, snout, ...
  let frame = null; // {name, canvas}
  let stage = null;
  let timer = 0;

  const state = () => room.state;
  const next = () => state().frames.find((one) => one.pigs === null) || null;

  async function refresh() {
    room.state = await room.get('state');
    tell();
  }

  function tell() {
    const done = state().frames.filter((one) => one.pigs !== null).length;
    $('teach-done').textContent = say('frames', { done, all: state().frames.length });
    $('teach-taps').textContent = frame ? say('pigs', { n: Math.floor(taps.length / 2) }) + ' · ' + say(taps.length % 2 ? 'tail' : 'snout') : '';
    $('teach-labels').hidden = !frame;
    learn(state().train, done);
  }

  function learn(train, done) {
    const part = train.steps ? Math.round((100 * train.step) / train.steps) : 0;
    const texts = {
      running: () => say('learning', { part, left: Math.max(1, Math.ceil((train.left || 0) / 60)) }),
      begins: () => say('begins'),
      stopping: () => say('stopping'),
      stopped: () => say('stopped', { part }),
      failed: () => say('failed'),
      older: () => say('older'),
      done: () => say('worth', Object.assign({}, train.worth, { off: (100 * train.worth.off).toFixed(1) })),
      none: () => (done < state().fewest ? say('need', { n: state().fewest - done }) : ''),
    };
    const busy = ['running', 'begins', 'stopping'].includes(train.state);
    $('teach-train').textContent = (texts[train.state] || texts.none)();
    $('teach-part').hidden = !busy;
    $('teach-part').value = part;
    $('teach-begin').hidden = busy;
    $('teach-begin').disabled = done < state().fewest;
    $('teach-begin').textContent = say(train.state === 'stopped' ? 'goOn' : 'begin');
    $('teach-halt').hidden = !busy;
    clearTimeout(timer);
    if (busy && !$('teach').hidden) {
      timer = setTimeout(() => guard(async () => {
        state().train = await room.get('train');
        if ($('teach-train')) tell();
      }), ASK_EVERY);
    }
    $('teach-own').textContent = state().detector === 'own' ? say('ownUsed') : '';
  }

  function draw() {
    if (!frame) return;
    stage.show(frame.canvas, (context, scale) => {
      for (let at = 0; at + 1 < taps.length; at += 2) markPig(context, scale, taps[at], taps[at + 1], '', false);
      if (taps.length % 2) {
        const last = taps[taps.length - 1];
        context.fillStyle = '#ffd400';
        context.beginPath();
        context.arc(last[0], last[1], 4 * scale, 0, 7);
        context.fill();
      }
    });
    tell();
  }

  async function load() {
    const one = next();
    taps = [];
    frame = one && { name: one.name, canvas: fromPpm(await (await room.send('GET', 'frames/' + one.name)).arrayBuffer()) };
    if (frame) draw();
    else tell();
  }

  async function keep(pigs) {
    await room.put('frames/' + frame.name, { pigs });
    state().frames.find((one) => one.name === frame.name).pigs = pigs;
    await load();
  }

  async function add(chosen) {
    let count = 0;
    const one = async (canvas) => {
      count += 1;
      const name = Date.now().toString(36) + '-' + String(count).padStart(3, '0');
      await room.send('POST', 'frames?name=' + name, asPpm(canvas));
      if (!frame) {
        await refresh();
        await load();
      }
    };
    for (const file of chosen) {
      if (/^video\//.test(file.type)) {
        const every = await new Promise((resolve) => {
          const probe = document.createElement('video');
          probe.onloadedmetadata = () => resolve(Math.max(1, (Number.isFinite(probe.duration) ? probe.duration : 60) / FROM_FILM));
          probe.onerror = () => resolve(1);
          probe.src = URL.createObjectURL(file);
        });
        const before = count;
        await throughFilm(file, every, async (canvas) => {
          await one(canvas);
          return count - before < FROM_FILM;
        });
      } else await one(await ofPhoto(file));
    }
    await refresh();
  }

  return function show() {
    const holder = node('div', { class: 'view' });
    const { large, files } = room;
    $('teach').replaceChildren(
      node('p', { class: 'lead', text: say('teachLead') }),
      node('div', { class: 'big' }, [files(say('add'), 'image/*,video/*', (chosen) => guard(() => add(chosen)), { multiple: true, id: 'teach-add' })]),
      node('p', { class: 'hint', id: 'teach-done', role: 'status' }),
      node('div', { id: 'teach-labels' }, [
        node('p', { class: 'advice', id: 'teach-taps', role: 'status' }),
        holder,
        node('p', { class: 'hint', text: say('keysHint') }),
        node('div', { class: 'big' }, [
          large(say('undo'), () => {
            taps.pop();
            draw();
          }),
          large(say('next'), (control) => guard(async () => {
            const pigs = [];
            for (let at = 0; at + 1 < taps.length; at += 2) pigs.push([...taps[at], ...taps[at + 1]]);
            await keep(pigs);
          }, control), 'main'),
          large(say('drop'), (control) => guard(async () => {
            await room.send('DELETE', 'frames/' + frame.name);
            state().frames = state().frames.filter((one) => one.name !== frame.name);
            await load();
          }, control)),
        ]),
      ]),
      node('p', { id: 'teach-train', role: 'status' }),
      node('progress', { class: 'part', id: 'teach-part', max: '100', 'aria-label': say('teach') }),
      node('div', { class: 'big' }, [
        Object.assign(large(say('begin'), (control) => guard(async () => {
          state().train = await room.post('train', {});
          tell();
        }, control), 'main'), { id: 'teach-begin' }),
        Object.assign(large(say('halt'), (control) => guard(async () => {
          state().train = await (await room.send('DELETE', 'train')).json();
          tell();
        }, control)), { id: 'teach-halt' }),
      ]),
      node('p', { class: 'hint', id: 'teach-own' }),
      node('div', { class: 'big' }, [
        files(say('own'), '.onnx', ([file]) => guard(async () => {
          await room.send('PUT', 'model', file);
          await refresh();
        })),
        state().detector === 'own' && large(say('ownAway'), () => guard(async () => {
          await room.send('PUT', 'model', new Blob([]));
          await refresh();
        })),
        state().detector === 'trained' && node('a', { class: 'plain', href: '/house/room/pen/model', text: say('download') }),
      ]),
    );
    stage = board(holder, say('teach'), (x, y) => {
      taps.push([x, y]);
      draw();
    });
    tell();
    guard(load);
  };
}
