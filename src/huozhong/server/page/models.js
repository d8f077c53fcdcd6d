// The models of this house, as a sheet: which there are, which answers here, what is on its way, what is worth bringing.
// It is fetched when somebody first opens it; its words are here, so that the page itself stays small.

import { $, bindPanel, element, icon, iconButton, toast } from './dom.js';
import { ask, listen } from './api.js';
import { inOwn } from './hant.js';
import { language } from './language.js';

const WORDS = {
  zh: {
    title: '模型', close: '关闭', here: '这台机器上的模型', inUse: '正在用', use: '用它', loaded: '在内存里', loading: '正在载入',
    resting: '', away: '移出内存', better: '更聪明的助手', offer: '{size}，约 {speed} 字/秒', fetch: '下载', pulls: '正在下载',
    pause: '暂停', resume: '继续', cancel: '取消', paused: '已暂停', waiting: '排队中', failed: '没有成功', done: '已就绪',
    left: '还要约 {time}', minutes: '{n} 分钟', seconds: '{n} 秒', hours: '{n} 小时', stick: '从 U 盘导入', stickNone: '没有找到插着的 U 盘或里面的模型。',
    name: '其他模型', namePlace: 'hf:作者/仓库 或简称', toSmall: '这个问题对我来说太难了。这台机器装得下更聪明的助手：', noOffer: '以这台机器的空闲内存，没有更大的模型可以推荐。',
    failedAsk: '没有做成：{why}', progress: '{name} 已下载 {share}%', built: '内置', colon: '：',
  },
  en: {
    title: 'Models', close: 'Close', here: 'On this machine', inUse: 'in use', use: 'Use it', loaded: 'in memory', loading: 'loading',
    resting: '', away: 'Put out of memory', better: 'A smarter assistant', offer: '{size}, about {speed} words/s', fetch: 'Download', pulls: 'On their way',
    pause: 'Pause', resume: 'Go on', cancel: 'Cancel', paused: 'paused', waiting: 'waiting', failed: 'it failed', done: 'ready',
    left: 'about {time} left', minutes: '{n} min', seconds: '{n} s', hours: '{n} h', stick: 'From a USB stick', stickNone: 'No USB stick with a model was found.',
    name: 'Another model', namePlace: 'hf:owner/repo or a short name', toSmall: 'That was too hard for me. This machine has room for a smarter assistant:', noOffer: 'For the memory that is free here there is no larger model to offer.',
    failedAsk: 'That did not work: {why}', progress: '{name}: {share}% is here', built: 'built in', colon: ': ',
  },
};

let house = null; // {current(), choose(name), isOwner()}: what the page tells
let sheet = null;
let stream = null;
let looks = 0; // at the models: only the latest is shown

function w(key, values) {
  return inOwn({ zh: WORDS.zh[key], en: WORDS.en[key] }).replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}

function size(bytes) {
  return bytes >= 1e9 ? (bytes / 1e9).toFixed(1) + ' GB' : Math.max(1, Math.round(bytes / 1e6)) + ' MB';
}

/** Tokens a second as what people read: a token is about one and a half Chinese characters, or three quarters of a word. */
function speed(tokens) {
  const read = tokens * (language() === 'en' ? 0.75 : 1.5);
  return read >= 9.95 ? Math.round(read) : read.toFixed(1);
}

function time(seconds) {
  if (seconds < 90) return w('seconds', { n: Math.max(1, Math.round(seconds)) });
  return seconds < 5400 ? w('minutes', { n: Math.round(seconds / 60) }) : w('hours', { n: (seconds / 3600).toFixed(1) });
}

function button(text, className, act) {
  const node = element('button', className, text);
  node.type = 'button';
  node.addEventListener('click', act);
  return node;
}

/** Opens the sheet.  page: {current(), choose(name), isOwner()}; opener: the button that had it opened. */
export function openModels(page, opener) {
  house = page;
  if (!sheet) sheet = build(opener);
  sheet.open();
}

function build(opener) {
  style();
  const panel = document.body.appendChild(element('section', 'panel models'));
  panel.id = 'models';
  panel.hidden = true;
  panel.setAttribute('role', 'dialog');
  panel.setAttribute('aria-labelledby', 'models-title');
  const layer = bindPanel(panel, null, document.createElement('button'), () => fill(panel, layer), () => panel.querySelector('button'));
  opener.setAttribute('aria-controls', 'models');
  return layer;
}

let styled = null; // resolves once the style sheet is there

function style() {
  if (styled) return styled;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = '/page/models.css';
  styled = new Promise((resolve) => {
    link.onload = link.onerror = resolve; // without it the sheet is plain, and works
  });
  document.head.appendChild(link);
  return styled;
}

function fill(panel, layer) {
  panel.textContent = '';
  const head = panel.appendChild(element('div', 'panel-head'));
  head.appendChild(element('h2', '', w('title'))).id = 'models-title';
  const closer = head.appendChild(element('button', 'icon'));
  closer.type = 'button';
  closer.title = w('close');
  closer.setAttribute('aria-label', w('close'));
  closer.appendChild(icon('close'));
  closer.addEventListener('click', layer.close);
  const list = panel.appendChild(element('ul', 'model-list'));
  list.setAttribute('aria-label', w('here'));
  const pulls = panel.appendChild(element('div', 'model-pulls'));
  const offers = panel.appendChild(element('div', 'model-offers'));
  showModels(panel, list);
  if (house.isOwner()) {
    follow(panel, list, pulls);
    showOffers(offers);
    panel.appendChild(more());
  }
}

async function showModels(panel, list) {
  const mine = (looks += 1);
  const { models } = await ask('GET', '/house/models').catch(() => ({ models: [] }));
  if (mine !== looks) return;
  const focused = document.activeElement && document.activeElement.dataset.model;
  list.textContent = '';
  models.forEach((model) => list.appendChild(row(panel, list, model)));
  if (focused) (list.querySelector('[data-model="' + CSS.escape(focused) + '"]') || panel.querySelector('button')).focus();
  if (models.some((model) => model.state === 'loading')) setTimeout(() => panel.hidden || showModels(panel, list), 500);
}

function row(panel, list, model) {
  const item = element('li', model.name === house.current() ? 'chosen' : '');
  const about = item.appendChild(element('div', 'model-about'));
  about.appendChild(element('b', '', model.name));
  const state = model.state === 'loading' ? w('loading') : model.loaded ? w('loaded') : '';
  const told = [model.built_in ? w('built') : size(model.size), state, model.error || ''].filter((part) => part);
  about.appendChild(element('small', '', told.join(' · ')));
  if (model.state === 'loading' && model.progress.total) about.appendChild(bar(model.name, model.progress.done, model.progress.total));
  if (model.name === house.current()) item.appendChild(element('span', 'model-used', w('inUse')));
  else {
    const use = item.appendChild(button(w('use'), 'button', () => choose(panel, list, model)));
    use.setAttribute('aria-label', w('use') + ' ' + model.name);
    use.dataset.model = model.name;
  }
  if (model.loaded && house.isOwner()) {
    const away = about.appendChild(button(w('away'), 'model-away', () => act('POST', '/house/models/' + encodeURIComponent(model.name) + '/unload', {}).then(() => showModels(panel, list))));
    away.setAttribute('aria-label', w('away') + ' ' + model.name);
  }
  return item;
}

/** The model answers from now on; an owner's house begins to load it at once. */
async function choose(panel, list, model) {
  house.choose(model.name);
  if (house.isOwner() && !model.loaded) await act('POST', '/house/models/' + encodeURIComponent(model.name) + '/load', {});
  showModels(panel, list);
}

function bar(name, done, total) {
  const share = total ? Math.floor((100 * done) / total) : 0;
  const node = element('progress', 'model-bar');
  node.max = 100;
  node.value = share;
  node.setAttribute('aria-label', w('progress', { name, share }));
  return node;
}

async function act(method, path, body) {
  try {
    return await ask(method, path, body);
  } catch (error) {
    toast(w('failedAsk', { why: error.message }));
    return null;
  }
}

// -- on their way ------------------------------------------------------------------------------------

/** Shows what is on its way for as long as the sheet is open. */
function follow(panel, list, place) {
  if (stream) stream.close();
  let before = '';
  const show = (pulls) => {
    if (panel.hidden) {
      stream.close();
      stream = null;
      return;
    }
    const arrived = pulls.filter((pull) => pull.state === 'done').map((pull) => pull.name).join();
    if (arrived !== before) showModels(panel, list);
    before = arrived;
    showPulls(place, pulls.filter((pull) => pull.state !== 'done'));
  };
  stream = listen('/house/models/pulls/events', { event: (name, data) => show(data.pulls), lost() {}, back() {}, end() {}, failed() {} }, true);
}

function showPulls(place, pulls) {
  const focused = document.activeElement && document.activeElement.dataset.act;
  place.textContent = '';
  if (pulls.length) place.appendChild(element('h3', '', w('pulls')));
  pulls.forEach((pull) => {
    const item = place.appendChild(element('div', 'model-pull'));
    const running = pull.state === 'running';
    item.appendChild(element('b', '', pull.name));
    const told = running && pull.total ? size(pull.done) + ' / ' + size(pull.total) : w(pull.state === 'running' ? 'waiting' : pull.state);
    const left = running && pull.seconds_left !== null ? ' · ' + w('left', { time: time(pull.seconds_left) }) : '';
    item.appendChild(element('small', '', told + left));
    if (pull.total) item.appendChild(bar(pull.name, pull.done, pull.total));
    const said = pull.error || pull.note;
    if (said) item.appendChild(element('p', pull.error ? 'model-error' : 'note', inOwn(said)));
    const tools = item.appendChild(element('div', 'model-tools'));
    const steps = running || pull.state === 'waiting' ? ['pause', 'cancel'] : ['resume', 'cancel'];
    steps.forEach((step) => {
      const node = tools.appendChild(button(w(step), 'button', () => act('POST', '/house/models/pulls/' + encodeURIComponent(pull.name) + '/' + step, {})));
      node.setAttribute('aria-label', w(step) + ' ' + pull.name);
      node.dataset.act = step + pull.name;
      if (node.dataset.act === focused) node.focus();
    });
  });
}

// -- what is worth bringing --------------------------------------------------------------------------

async function showOffers(place) {
  const advice = await ask('GET', '/house/models/advice').catch(() => null);
  if (!advice) return;
  place.appendChild(element('h3', '', w('better')));
  if (!advice.models.length) place.appendChild(element('p', 'note', w('noOffer')));
  advice.models.slice(0, 3).forEach((model) => place.appendChild(offer(model)));
}

function offer(model, then) {
  const item = element('div', 'model-offer');
  const about = item.appendChild(element('div', 'model-about'));
  about.appendChild(element('b', '', model.name));
  about.appendChild(element('small', '', inOwn(model)));
  about.appendChild(element('small', '', w('offer', { size: size(model.size), speed: speed(model.tokens_per_second) })));
  const bring = item.appendChild(
    button(w('fetch'), 'button primary', async () => {
      bring.disabled = true;
      if (!(await act('POST', '/house/models/pull', { name: model.name }))) bring.disabled = false;
      else if (then) then();
    })
  );
  bring.setAttribute('aria-label', w('fetch') + ' ' + model.name);
  return item;
}

/** From a stick, and any model by its name. */
function more() {
  const place = element('div', 'model-more');
  const form = place.appendChild(element('form', 'model-name'));
  const input = form.appendChild(element('input'));
  input.type = 'text';
  input.placeholder = w('namePlace');
  input.setAttribute('aria-label', w('name'));
  form.appendChild(button(w('fetch'), 'button', () => {})).type = 'submit';
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (input.value.trim() && (await act('POST', '/house/models/pull', { name: input.value.trim() }))) input.value = '';
  });
  const found = element('div', 'model-stick');
  place.appendChild(
    button(w('stick'), 'plain', async () => {
      const { models } = (await act('GET', '/house/models/media')) || { models: [] };
      found.textContent = '';
      if (!models.length) found.appendChild(element('p', 'note', w('stickNone')));
      models.forEach((model) => {
        const text = model.name + ' · ' + size(model.size);
        found.appendChild(button(text, 'take', () => act('POST', '/house/models/import', { path: model.path })));
      });
    })
  );
  place.appendChild(found);
  return place;
}

/** Below an answer that says it is too hard: the best that this machine could have instead, once, to its owner. */
export async function offerBelow(log, page, opener) {
  house = page;
  const advice = await ask('GET', '/house/models/advice').catch(() => null);
  if (!advice || !advice.models.length || !log.lastElementChild) return;
  style();
  const card = element('aside', 'model-card');
  card.appendChild(element('p', '', w('toSmall')));
  card.appendChild(offer(advice.models[0], () => openModels(page, opener)));
  card.appendChild(iconButton('close', 'close', () => card.remove())).classList.add('model-close');
  log.lastElementChild.appendChild(card);
}

/** On the welcome page of an owner who has nothing but the built-in model: the best that this machine could have. */
export async function offerFirst(place, page, opener) {
  house = page;
  const [found, advice] = await Promise.all(['', '/advice'].map((path) => ask('GET', '/house/models' + path).catch(() => null)));
  const best = advice && found && found.models.every((model) => model.built_in) ? advice.models[0] : null;
  if (best) await style(); // nothing moves once it stands there
  place.textContent = '';
  if (!best) return;
  const card = place.appendChild(element('aside', 'model-card'));
  card.setAttribute('aria-label', w('better'));
  card.appendChild(offer(best, () => openModels(page, opener))).querySelector('b').textContent = w('better') + w('colon') + best.name;
}
