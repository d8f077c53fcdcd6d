// How a device comes to trust the house's certificate.

import { $, ask, node, Refused, say, speak } from './house.js';

function show() {
  document.title = say('trustTitle') + ' · ' + say('brand');
  const box = $('steps');
  box.textContent = '';
  ['iphone', 'android', 'windows', 'mac'].forEach((device) => {
    box.appendChild(node('h2', '', say(device)));
    box.appendChild(node('ol', 'steps', null, say(device + 'Steps').map((step) => node('li', '', step))));
  });
}

async function load() {
  try {
    const found = await ask('GET', '/page/authority.json');
    $('fingerprint').textContent = found.fingerprint;
    $('some').hidden = false;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    $('none').hidden = false;
  }
}

speak(show);
load();
