// How a device comes to trust the house's certificate.

import { ask } from './api.js';
import { $, node, reason, say, speak } from './house.js';

function show() {
  document.title = say('trustTitle') + ' · ' + say('brand');
  const box = $('steps');
  box.textContent = '';
  ['iphone', 'android', 'windows', 'mac'].forEach((device) => {
    box.appendChild(node('h2', { text: say(device) }));
    box.appendChild(node('ol', { class: 'steps' }, say(device + 'Steps').map((step) => node('li', { text: step }))));
  });
}

async function load() {
  try {
    const found = await ask('GET', '/page/authority.json');
    $('fingerprint').textContent = found.fingerprint;
    $('some').hidden = false;
  } catch (error) {
    reason(error); // whatever it was, there is no certificate to be had
    $('none').hidden = false;
  }
}

speak(show);
load();
