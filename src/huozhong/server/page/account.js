// The account sheet: own sessions, keys, language and password.

import { ask } from './api.js';
import { copyText } from './clipboard.js';
import { $, button, node, reason, run, say, speak, sure, when } from './house.js';
import { language } from './language.js';

const SCOPES = { chat: true, models: true, embeddings: false, metrics: false, admin: false };
let person = null;
let sessions = [];
let keys = [];
let budget = null;
let made = '';
let looks = 0;

function show() {
  if (!person) return;
  document.title = say('account') + ' · ' + say('brand');
  $('name').textContent = person.name;
  $('role').textContent = say(person.role);
  $('owner-link').hidden = person.role !== 'owner';
  $('keys-box').hidden = person.role === 'child';
  $('key-name').placeholder = say('keyName');
  showSessions();
  showKeys();
  showScopes();
  showBudget();
}

function showSessions() {
  const list = $('sessions');
  list.textContent = '';
  sessions.forEach((one) => {
    const words = node('span', { class: 'grow', text: one.agent || '–' }, [
      node('small', { text: [one.address, say('seen', { time: when(one.seen) })].join(' · ') }),
    ]);
    const act = one.current
      ? node('small', { text: say('thisOne') })
      : button(say('end'), 'plain', () => ask('DELETE', '/house/sessions/' + one.id).then(load), $('problem'));
    list.appendChild(node('li', {}, [words, act]));
  });
  $('others').textContent = '';
  if (sessions.length > 1) {
    $('others').appendChild(button(say('endOthers'), 'plain', () => ask('DELETE', '/house/sessions').then(load), $('problem')));
  }
}

function showKeys() {
  const list = $('keys');
  list.textContent = '';
  keys.forEach((key) => {
    const told = [key.prefix + '…', key.scopes.map((scope) => say(scope)).join(', '), key.used ? say('seen', { time: when(key.used) }) : say('never')];
    const words = node('span', { class: 'grow', text: key.name }, [node('small', { text: told.join(' · ') })]);
    list.appendChild(node('li', {}, [words, sure(say('remove'), () => ask('DELETE', '/house/keys/' + key.id).then(load), $('problem'))]));
  });
  $('made').textContent = '';
  if (!made) return;
  $('made').appendChild(node('p', { class: 'hint', text: say('yourKey') }));
  $('made').appendChild(node('code', { class: 'secret', text: made }));
  const copy = button(say('copy'), 'plain', () => copyText(made).then(() => {
    copy.textContent = say('copied');
  }, () => {}), $('problem')); // where it cannot be copied, it can be read
  $('made').appendChild(copy);
}

function showScopes() {
  const box = $('scopes');
  const chosen = Array.from(box.querySelectorAll('input:checked')).map((input) => input.value);
  const first = !box.children.length;
  box.textContent = '';
  Object.keys(SCOPES).forEach((scope) => {
    if (person.role !== 'owner' && (scope === 'metrics' || scope === 'admin')) return;
    const input = node('input');
    input.type = 'checkbox';
    input.value = scope;
    input.checked = first ? SCOPES[scope] : chosen.indexOf(scope) >= 0;
    box.appendChild(node('label', { class: 'check' }, [input, node('span', { text: say(scope) })]));
  });
}

function showBudget() {
  const left = budget && budget.budget;
  $('budget-box').hidden = !left;
  $('budget').textContent = '';
  if (!left) return;
  const number = (value) => value.toLocaleString(language());
  if (left.daily_tokens !== null) {
    $('budget').appendChild(node('p', { text: say('leftTokens', { left: number(left.left_tokens), all: number(left.daily_tokens) }) }));
  }
  if (left.daily_money !== null) {
    const unit = ' ' + budget.balance_infos[0].currency;
    $('budget').appendChild(node('p', { text: say('leftMoney', { left: left.left_money.toFixed(4) + unit, all: left.daily_money + unit }) }));
  }
}

async function load() {
  const mine = (looks += 1);
  const found = await Promise.all(['/house/me', '/house/sessions', '/house/keys', '/user/balance'].map((path) => ask('GET', path)));
  if (mine !== looks) return; // a later look is on its way
  person = found[0].person;
  sessions = found[1].sessions;
  keys = found[2].keys;
  budget = found[3];
  show();
}

async function makeKey(event) {
  event.preventDefault();
  const scopes = Array.from($('scopes').querySelectorAll('input:checked')).map((input) => input.value);
  await run(event.submitter || $('key-form'), async () => {
    made = (await ask('POST', '/house/keys', { name: $('key-name').value, scopes })).key;
    $('key-name').value = '';
    await load();
  }, $('problem'));
}

async function changePassword(event) {
  event.preventDefault();
  await run($('password-go'), async () => {
    await ask('PATCH', '/house/me', { password: $('old').value, new_password: $('new').value });
    $('password-form').reset();
    await load();
    $('password-told').textContent = say('passwordChanged');
  }, $('password-told'));
}

speak(show);
$('key-form').addEventListener('submit', makeKey);
$('password-form').addEventListener('submit', changePassword);
$('language').addEventListener('click', () => {
  // The person's choice goes along to other devices.
  ask('PATCH', '/house/me', { language: language() }).catch(() => {}); // this device has its cookie
});
$('logout').addEventListener('click', () => run($('logout'), async () => {
  await ask('POST', '/house/logout', {});
  location.replace('/page/login.html');
}, $('problem')));
load().catch((error) => {
  $('problem').textContent = reason(error);
});
