// The elders' phone: the one big button, and for the family the page where it is set up.

import { ask, send } from '/page/api.js';
import { $, sayer, speak } from '/page/house.js';
import { phone } from './phone.js';
import { setup } from './setup.js';

const byLink = location.pathname.startsWith('/link/');
const base = byLink ? './' : '/house/room/callhome/';
const say = sayer(await (await fetch('words.json')).json());

const room = {
  say,
  base,
  told: null,
  view: 'phone',
  get: (path) => ask('GET', base + path),
  post: (path, body) => ask('POST', base + path, body),
  put: (path, body) => ask('PUT', base + path, body),
  send: (method, path, body) => send(method, base + path, body),
  async load() {
    room.told = await room.get('phone');
  },
  show,
  async turn() {
    room.view = room.view === 'phone' ? 'setup' : 'phone';
    await room.load();
    show();
  },
};

function show() {
  const { told } = room;
  document.title = '火种 · ' + say('title');
  $('title').textContent = say('title');
  $('back').textContent = say('back');
  $('back').hidden = byLink;
  $('toSetup').hidden = !told.may_change;
  $('toSetup').textContent = say(room.view === 'phone' ? 'setup' : 'phone');
  $('phone').hidden = room.view !== 'phone';
  $('setup').hidden = room.view === 'phone';
  if (room.view === 'phone') phone(room, $('phone'));
  else setup(room, $('setup'));
}

$('toSetup').addEventListener('click', room.turn);
await room.load();
speak(show);
