// The login page: log in, join with a code, or be the first.

import { ask } from './api.js';
import { $, reason, say, speak } from './house.js';

const given = /[#&](join|setup)=([\w-]+)/.exec(location.hash);
let mode = given ? given[1] : 'login'; // 'login' | 'join' | 'setup'

// The code stays out of the history: whoever goes back on a shared PC does not find it.
if (given) {
  $('code').value = given[2];
  history.replaceState(null, '', location.pathname);
}

function show() {
  document.title = say(mode + 'Title') + ' · ' + say('brand');
  $('title').textContent = say(mode + 'Title');
  $('lead').textContent = say(mode + 'Lead');
  $('go').textContent = say(mode);
  $('code-row').hidden = mode === 'login' || (mode === 'setup' && Boolean(given));
  $('password').autocomplete = mode === 'login' ? 'current-password' : 'new-password';
  $('other').textContent = say(mode === 'login' ? 'toJoin' : 'toLogin');
}

async function submit(event) {
  event.preventDefault();
  const name = $('name').value.trim();
  const password = $('password').value;
  const code = $('code').value.trim();
  $('problem').textContent = '';
  if (!name || !password || (mode !== 'login' && !code)) {
    $('problem').textContent = say('fill');
    return;
  }
  $('go').disabled = true;
  $('go').textContent = say('busy');
  try {
    if (mode === 'login') await ask('POST', '/house/login', { name, password });
    else await ask('POST', '/house/join', { code, name, password });
    location.replace('/');
  } catch (error) {
    $('problem').textContent = reason(error) + (error.wait ? ' ' + say('wait', { seconds: error.wait }) : '');
    $('go').disabled = false;
    show();
  }
}

document.documentElement.setAttribute('data-running', ''); // boot.js looks whether it came to this
speak(show);
$('form').addEventListener('submit', submit);
$('show').addEventListener('change', () => {
  $('password').type = $('show').checked ? 'text' : 'password';
});
$('other').addEventListener('click', () => {
  mode = mode === 'login' ? 'join' : 'login';
  $('problem').textContent = '';
  show();
  (mode === 'login' ? $('name') : $('code')).focus();
});
if (window.matchMedia('(hover: hover)').matches) $('name').focus();
