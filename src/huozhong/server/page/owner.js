// The owner's page: who is here, what the machine does, what people used, who may come in.

import { bars, line, short } from './charts.js';
import { ApiError, ask } from './api.js';
import { $, button, node, reason, run, say, speak, sure, when } from './house.js';
import { inOwn } from './hant.js';
import { isChinese, language } from './language.js';

const REFRESH = 5000; // ms
const DAYS = 14;
const ROLES = ['member', 'teacher', 'child', 'owner'];
let numbers = null;
let people = null; // null where nobody has an account
let codes = [];
let log = [];
let looks = 0; // at the numbers: only the latest is shown
let boxes = new Map(); // of people: id -> {told, node}; one that is being filled in stays, whatever else is looked at

function clear(id) {
  $(id).textContent = '';
  return $(id);
}

function bytes(value) {
  if (value === null) return '–';
  return value >= 1e9 ? short(value / 1e9) + ' GB' : short(value / 1e6) + ' MB';
}

function seconds(value) {
  return value === null ? '–' : String(Number(value.toPrecision(2)));
}

/** Two digits behind the point are what money has. */
function money(row) {
  return (row.money >= 0.01 ? row.money.toFixed(2) : row.money > 0 ? '< 0.01' : '0') + ' ' + row.currency;
}

function nameOf(row) {
  return row.person || say('everybody');
}

// -- numbers -------------------------------------------------------------------------------

function showTiles() {
  const now = numbers.now;
  const minute = numbers.minutes[numbers.minutes.length - 2];
  const tiles = [
    [now.running, say('running')],
    [now.waiting, say('waiting')],
    [short(minute.tokens / 60), say('speed')],
    [seconds(numbers.first_token.p50) + ' / ' + seconds(numbers.first_token.p95) + ' s', say('first')],
    [Math.round(100 * numbers.cache.hit_rate) + '%', say('hits')],
    [now.used_pages + ' / ' + now.num_pages, say('memory')],
    [bytes(numbers.disk.disk_free), say('disk')],
    [bytes(numbers.disk.database), say('database')],
  ];
  const box = clear('tiles');
  tiles.forEach((tile) => box.appendChild(node('div', { class: 'tile' }, [node('b', { text: tile[0] }), node('small', { text: tile[1] })])));
}

function showCharts() {
  const minutes = numbers.minutes;
  const clock = (minute) => new Date(minute * 60000).toLocaleTimeString(isChinese() ? 'zh-CN' : 'en', { hour: '2-digit', minute: '2-digit' });
  const ends = [clock(minutes[0].minute), clock(minutes[minutes.length - 1].minute)];
  clear('speed').appendChild(line(say('speedChart'), minutes.map((m) => m.tokens / 60), ends[0], ends[1]));
  clear('first').appendChild(line(say('firstChart'), minutes.map((m) => (m.firsts ? m.first / m.firsts : null)), ends[0], ends[1]));
  showBars('tokens', 'usedChart', (row) => row.prompt_tokens + row.completion_tokens);
  showBars('joules', 'joulesChart', (row) => row.joules);
}

function lastDays() {
  const days = [];
  for (let back = DAYS - 1; back >= 0; back -= 1) {
    const day = new Date();
    day.setDate(day.getDate() - back);
    days.push([day.getFullYear(), String(day.getMonth() + 1).padStart(2, '0'), String(day.getDate()).padStart(2, '0')].join('-'));
  }
  return days;
}

function showBars(id, title, value) {
  const days = lastDays();
  const byPerson = new Map();
  numbers.used.forEach((row) => {
    const at = days.indexOf(row.day);
    if (at < 0) return;
    if (!byPerson.has(nameOf(row))) byPerson.set(nameOf(row), days.map(() => 0));
    byPerson.get(nameOf(row))[at] += value(row);
  });
  const sum = (values) => values.reduce((total, one) => total + one, 0);
  const series = Array.from(byPerson, ([name, values]) => ({ name, values })).sort((a, b) => sum(b.values) - sum(a.values));
  const box = clear(id);
  box.appendChild(bars(say(title), days, series));
  const legend = box.appendChild(node('ul', { class: 'legend' }));
  series.slice(0, 5).forEach((one, number) => legend.appendChild(node('li', {}, [node('i', { class: 'c' + number }), node('span', { text: one.name })])));
  if (series.length > 5) legend.appendChild(node('li', {}, [node('i', { class: 'c5' }), node('span', { text: '+ ' + (series.length - 5) })]));
}

function table(headings, rows, numeric) {
  const head = node('tr', {}, headings.map((heading, index) => node('th', { class: index >= numeric ? 'number' : '', text: heading })));
  const body = rows.map((row) => node('tr', {}, row.map((cell, index) => node('td', { class: index >= numeric ? 'number' : '', text: cell }))));
  return node('table', { class: 'table' }, [node('thead', {}, [head]), node('tbody', {}, body)]);
}

function showUsed() {
  const box = clear('used');
  if (!numbers.used.length) {
    box.appendChild(node('p', { class: 'hint', text: say('noUse') }));
    return;
  }
  const rows = numbers.used.slice().reverse().map((row) => [
    row.day, nameOf(row), row.model, row.requests, short(row.prompt_tokens + row.completion_tokens),
    short(row.joules), money(row),
  ]);
  const headings = ['day', 'person', 'models', 'requests', 'tokens', 'joules', 'money'].map((key) => say(key));
  box.appendChild(table(headings, rows, 3));
}

function showHere() {
  const list = clear('here');
  if (!numbers.here.length) list.appendChild(node('li', { text: say('nobodyHere') }));
  numbers.here.forEach((one) => {
    const told = one.running ? say('running') : say('ago', { seconds: one.seconds_ago });
    list.appendChild(node('li', {}, [node('span', { class: 'grow', text: one.person }), node('small', { text: told })]));
  });
}

function showLog() {
  const box = clear('log-lines');
  if (!log.length) {
    box.appendChild(node('p', { class: 'hint', text: say('noLog') }));
    return;
  }
  const names = new Map((people || []).map((one) => [one.id, one.name]));
  const rows = log.map((entry) => [
    new Date(entry.time).toLocaleTimeString(isChinese() ? 'zh-CN' : 'en'), names.get(entry.person) || '', entry.path ? entry.method + ' ' + entry.path : entry.message,
    entry.status || entry.level, entry.ms === undefined ? '' : String(entry.ms),
  ]);
  box.appendChild(table(['time', 'person', 'what', 'status', 'milliseconds'].map((key) => say(key)), rows, 3));
}

// -- people --------------------------------------------------------------------------------

function clockOf(minutes) {
  return minutes === null ? '' : String(Math.floor(minutes / 60)).padStart(2, '0') + ':' + String(minutes % 60).padStart(2, '0');
}

function minutesOf(clock) {
  const parts = /^(\d+):(\d+)/.exec(clock);
  return parts ? Number(parts[1]) * 60 + Number(parts[2]) : null;
}

function field(name, input, value, type) {
  input.value = value;
  if (type) input.type = type;
  return node('label', {}, [node('span', { text: say(name) }), input]);
}

function roleChoice(chosen) {
  const select = node('select');
  ROLES.forEach((role) => {
    const option = node('option', { text: say(role) });
    option.value = role;
    select.appendChild(option);
  });
  select.value = chosen;
  return select;
}

function personBox(one) {
  const problem = node('p', { class: 'problem' });
  problem.setAttribute('role', 'alert');
  const role = roleChoice(one.role);
  const [from, to, tokens, money, password] = [1, 2, 3, 4, 5].map(() => node('input'));
  [tokens, money].forEach((input) => {
    input.min = '0';
    input.placeholder = say('none');
  });
  money.step = 'any';
  password.autocomplete = 'new-password';
  const disabled = node('input');
  disabled.type = 'checkbox';
  disabled.checked = one.disabled;
  const number = (input) => (input.value === '' ? null : Number(input.value));
  const save = button(say('save'), 'plain', async () => {
    const changes = {
      role: role.value, quiet_from: minutesOf(from.value), quiet_to: minutesOf(to.value), daily_tokens: number(tokens),
      daily_money: number(money), disabled: disabled.checked,
    };
    if (password.value) changes.password = password.value;
    await ask('PATCH', '/house/people/' + one.id, changes);
    await loadPeople();
  }, problem);
  const remove = sure(say('remove'), () => ask('DELETE', '/house/people/' + one.id).then(loadPeople), problem);
  const told = [say(one.role), one.disabled ? say('disabled') : ''].filter((part) => part).join(' · ');
  return node('details', { class: 'person' }, [
    node('summary', { text: one.name }, [node('small', { text: told })]),
    node('div', { class: 'row-line' }, [
      node('label', {}, [node('span', { text: say('role') }), role]),
      field('quiet', from, clockOf(one.quiet_from), 'time'), field('to', to, clockOf(one.quiet_to), 'time'),
      field('dailyTokens', tokens, one.daily_tokens === null ? '' : one.daily_tokens, 'number'),
      field('dailyMoney', money, one.daily_money === null ? '' : one.daily_money, 'number'),
      field('resetPassword', password, '', 'password'),
    ]),
    node('p', { class: 'hint', text: say('quietHint') }),
    node('label', { class: 'check' }, [disabled, node('span', { text: say('disabled') })]),
    problem,
    node('div', { class: 'row-line' }, [save, remove]),
    ...(one.role === 'child' ? [appsBox(one)] : []),
  ]);
}

/** Which apps a child sees: asked for when it is opened. */
function appsBox(child) {
  const path = '/house/people/' + child.id + '/apps';
  const problem = node('p', { class: 'problem', role: 'alert' });
  const list = node('div', { class: 'scopes' });
  const told = node('p', { class: 'hint' });
  const box = node('details', { class: 'person' }, [node('summary', { text: say('childApps') }), list, told, problem]);
  let boxes = [];
  const show = (found) => {
    told.textContent = say(found.chosen ? 'appsChosen' : 'appsDefault');
    boxes = found.of.map((app) => {
      const tick = node('input');
      tick.type = 'checkbox';
      tick.value = app.name;
      tick.checked = found.apps.indexOf(app.name) >= 0;
      return tick;
    });
    list.replaceChildren(...boxes.map((tick, number) => node('label', { class: 'check' }, [tick, node('span', { text: inOwn(found.of[number].titles) })])));
  };
  const put = (apps) => async () => show(await ask('PUT', path, { apps: apps() }));
  box.appendChild(node('div', { class: 'row-line' }, [
    button(say('chooseApps'), 'plain', put(() => boxes.filter((tick) => tick.checked).map((tick) => tick.value)), problem),
    button(say('asDefault'), 'plain', put(() => null), problem),
  ]));
  box.addEventListener('toggle', () => {
    if (box.open) ask('GET', path).then(show).catch((error) => { problem.textContent = reason(error); });
  });
  return box;
}

function showPeople() {
  $('people-box').hidden = $('code-box').hidden = people === null;
  if (people === null) return;
  const before = boxes;
  boxes = new Map();
  people.forEach((one) => {
    const told = language() + JSON.stringify(one);
    const known = before.get(one.id);
    const made = known && known.told === told ? known.node : personBox(one);
    if (known) made.open = known.node.open;
    boxes.set(one.id, { told, node: made });
  });
  const shown = Array.from(boxes.values(), (one) => one.node);
  const box = $('people');
  Array.from(box.children).forEach((node) => shown.indexOf(node) < 0 && node.remove());
  shown.forEach((node, place) => box.children[place] !== node && box.insertBefore(node, box.children[place] || null));
  const chosen = $('add-role').value || 'member';
  $('add-role').textContent = '';
  Array.from(roleChoice(chosen).children).forEach((option) => $('add-role').appendChild(option));
  $('add-role').value = chosen;
}

function showCodes() {
  const box = clear('codes');
  codes.forEach((code) => {
    const picture = node('img');
    picture.src = code.picture + '?' + code.code;
    picture.alt = code.url;
    const words = node('div', {}, [
      node('b', { text: code.code }), node('p', { class: 'hint', text: say(code.role) + ' · ' + say('expires', { time: when(code.expires) }) }),
    ]);
    box.appendChild(node('div', { class: 'qr' }, [picture, words]));
  });
  if (!codes.length) box.appendChild(node('p', { class: 'hint', text: say('noCode') }));
  const buttons = clear('code-buttons');
  const make = (role) => () => ask('POST', '/house/join-code', { role }).then(loadPeople);
  buttons.appendChild(button(say('newMember'), 'plain', make('member'), $('problem')));
  buttons.appendChild(button(say('newChild'), 'plain', make('child'), $('problem')));
  if (codes.length) buttons.appendChild(button(say('stopJoin'), 'plain bad', () => ask('DELETE', '/house/join-code').then(loadPeople), $('problem')));
}

async function addPerson(event) {
  event.preventDefault();
  await run($('add-go'), async () => {
    await ask('POST', '/house/people', { name: $('add-name').value, password: $('add-password').value, role: $('add-role').value });
    $('add-form').reset();
    await loadPeople();
  }, $('add-told'));
}

// -- together ------------------------------------------------------------------------------

function show() {
  document.title = say('house') + ' · ' + say('brand');
  if (!numbers) return;
  showNumbers();
  showPeople();
  showCodes();
}

function showNumbers() {
  showTiles();
  showCharts();
  showHere();
  showUsed();
  showLog();
}

async function loadPeople() {
  try {
    people = (await ask('GET', '/house/people')).people;
    codes = (await ask('GET', '/house/join-code')).codes;
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'gone') throw error;
    people = null; // nobody logs in here
  }
  showPeople();
  showCodes();
  showLog(); // with their names
}

async function loadNumbers() {
  const mine = (looks += 1);
  const found = await Promise.all([
    ask('GET', '/house/statistics?days=' + DAYS),
    ask('GET', '/house/log?limit=100').then((answer) => answer.lines),
  ]);
  if (mine !== looks) return;
  [numbers, log] = found;
  showNumbers();
}

function told(error) {
  $('problem').textContent = reason(error);
}

speak(show);
$('add-form').addEventListener('submit', addPerson);
$('backup').addEventListener('click', () => run($('backup'), async () => {
  const made = await ask('POST', '/house/backup', {});
  $('backup-told').textContent = say('backupDone', { file: made.file });
}, $('backup-told')));
loadNumbers().then(loadPeople).catch(told);
setInterval(() => {
  if (!document.hidden) loadNumbers().then(() => { $('problem').textContent = ''; }).catch(told);
}, REFRESH);
