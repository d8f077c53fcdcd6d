// Tools of others: choosing them for a conversation, and the reader's word on every call.

import { ask } from './api.js';
import { element } from './dom.js';
import { inOwn } from './hant.js';
import { language } from './language.js';

const WORDS = {
  zh: {
    title: '外来工具',
    hint: '管理员接进来的工具。打开后，模型可以请求使用；每一次都先问你。内置的 ember 不会用工具。',
    wants: '模型想用工具',
    nothing: '（没有参数）',
    allow: '同意这一次',
    refuse: '不同意',
    goOn: '让它继续',
    beware: '这些内容会发给“{server}”。它不属于这里；不清楚就别同意。',
    waiting: '等你决定',
    allowed: '正在用…',
    done: '用过了',
    failed: '没做成',
    refused: '没有同意',
    said: '工具返回的文字（外来的，未经核实）',
  },
  en: {
    title: "Tools of others",
    hint: 'Tools that an owner connected. The model may then ask for them; you are asked before every single use. The built-in ember cannot use tools.',
    wants: 'The model would like to use a tool',
    nothing: '(no arguments)',
    allow: 'Allow this once',
    refuse: 'No',
    goOn: 'Let it go on',
    beware: 'This is sent to “{server}”, which is not part of this house. If in doubt, say no.',
    waiting: 'waits for you',
    allowed: 'being used…',
    done: 'used',
    failed: 'failed',
    refused: 'not allowed',
    said: 'What the tool returned (foreign, not checked)',
  },
};

const style = document.createElement('link');
style.rel = 'stylesheet';
style.href = '/page/foreign.css';
document.head.appendChild(style);

function say(key, values) {
  const text = inOwn({ zh: WORDS.zh[key], en: WORDS.en[key] });
  return values ? text.replace('{server}', values.server) : text;
}

/** What cannot be seen, or turns the direction of what can, is written out: nobody agrees to what they cannot read. */
function visible(text) {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\ufff0-\ufffb]|[\udb40][\udc00-\udfff]/g, (one) => (
    Array.from({ length: one.length }, (_, at) => '\\u' + one.charCodeAt(at).toString(16).padStart(4, '0')).join('')
  ));
}

function given(call) {
  const list = element('dl', 'given');
  const values = JSON.parse(call.arguments);
  const names = Object.keys(values);
  if (!names.length) list.appendChild(element('div', 'note', say('nothing')));
  names.forEach((name) => {
    const row = list.appendChild(element('div'));
    row.appendChild(element('dt', '', visible(name)));
    row.appendChild(element('dd', '', visible(typeof values[name] === 'string' ? values[name] : JSON.stringify(values[name]))));
  });
  return list;
}

function button(text, className, act) {
  const made = element('button', 'button ' + className, text);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}

function waiting(call, decide, isLast) {
  const box = element('section', 'call');
  box.setAttribute('aria-label', say('wants'));
  box.appendChild(element('b', '', say('wants') + '：'));
  box.appendChild(element('code', '', call.server + ' · ' + visible(call.tool)));
  box.appendChild(given(call));
  if (!isLast) return box;
  box.appendChild(element('p', 'note', say('beware', call)));
  const row = box.appendChild(element('div', 'actions'));
  row.appendChild(button(say('refuse'), '', () => decide(call.id, false)));
  row.appendChild(button(say('allow'), 'strong', () => decide(call.id, true)));
  return box;
}

function decided(call) {
  const box = element('details', 'call');
  const head = box.appendChild(element('summary'));
  head.appendChild(element('code', '', (call.server ? call.server + ' · ' : '') + visible(call.tool)));
  head.appendChild(element('span', 'note', ' ' + say(call.state)));
  box.appendChild(given(call));
  if (call.result) {
    box.appendChild(element('p', 'note', say('said')));
    box.appendChild(element('pre', 'said', visible(call.result)));
  }
  return box;
}

/** Shows an answer's calls in `box`.  on: {decide(call id, allow), goOn()}; isLast: they may still be decided. */
export function showCalls(box, message, on, isLast) {
  const told = JSON.stringify([message.calls, message.state, isLast, language()]);
  if (box.told === told) return; // what the reader opened stays open
  box.told = told;
  box.textContent = '';
  const { calls } = message;
  const mayDecide = isLast && message.state !== 'running';
  calls.forEach((call) => box.appendChild(call.state === 'waiting' ? waiting(call, on.decide, mayDecide) : decided(call)));
  const isStuck = mayDecide && message.finish === 'tool_calls' && calls.every((call) => call.state !== 'waiting');
  if (isStuck) box.appendChild(element('div', 'actions')).appendChild(button(say('goOn'), 'strong', on.goOn));
}

/** The servers that there are, each to be switched on for this conversation.  chat: {settings(), change(values)}. */
export async function showServers(box, chat) {
  const { servers } = await ask('GET', '/house/tools');
  box.textContent = '';
  if (!servers.length) return;
  const head = box.appendChild(element('div', 'row'));
  head.appendChild(element('b', '', say('title')));
  head.appendChild(element('small', '', say('hint')));
  servers.forEach((server) => {
    const row = box.appendChild(element('label', 'row switch'));
    const words = row.appendChild(element('span'));
    words.appendChild(element('b', '', server.name));
    const about = server.problem ? inOwn({ zh: server.problem[0], en: server.problem[1] }) : server.tools.map((tool) => tool.name).join(', ');
    words.appendChild(element('small', '', visible(about)));
    const tick = row.appendChild(element('input'));
    tick.type = 'checkbox';
    tick.checked = chat.settings().tools.indexOf(server.name) >= 0;
    tick.addEventListener('change', () => {
      const others = chat.settings().tools.filter((name) => name !== server.name);
      chat.change({ tools: tick.checked ? others.concat(server.name) : others }, 0);
    });
  });
}
