// Which steps go wrong: one's own, and for an owner the class's, drawn as bars and printable.

import { ask, send } from './api.js';
import { $, node, reason, sayer, speak } from './house.js';

const WORDS = {
  zh: {
    back: '应用', print: '打印', title: '哪一步容易错', mine: '我自己', all: '全班', none: '还没有数到什么。',
    consent: '数一数我的步骤，给老师看（只记哪种算法、错在哪里；不记题目、不记我写的话，老师看不到名字）',
    consentNote: '十四岁以下的同学，请家长一起决定。随时可以取消，取消就全部删掉。',
    people: '{n} 位同学同意了。这里没有名字，只有总数。', days: '最近 30 天', stepsTitle: '每种算法：错的份额', kindsTitle: '错在哪里', hintsTitle: '看到第几个提示',
    share: '{wrong}/{all} 步', times: '{n} 次，{p} 人', timesOwn: '{n} 次', forget: '学期结束：全部删掉', forgetSure: '真的删掉全班的记录？',
    ops: { '+': '加法', '-': '减法', '×': '乘法', '÷': '除法', '^': '乘方', sum: '综合算式', answer: '最后的得数' },
    hows: {
      carry: '忘了进位', borrow: '退位错', table: '口诀错', zero: '末尾的0', point: '小数点', sign: '看错符号', order: '前后写反', 'one off': '差一点', digits: '数字写颠倒',
      copied: '抄错数', 'unknown number': '用了题里没有的数', equals: '等号写乱', sum: '算错', unit: '单位没统一', method: '算法选错', other: '算了用不着的', unfinished: '停在中间一步', wrong: '得数不对', shown: '看了答案',
    },
    hint: ['先说说题意', '用哪些数', '用什么方法', '列出来', '算完检查'],
  },
  en: {
    back: 'Apps', print: 'Print', title: 'Which steps go wrong', mine: 'Your own', all: 'The class', none: 'Nothing was counted yet.',
    consent: 'Count my steps for the teacher (which operation, what went wrong; no problem, no words of mine, no name)',
    consentNote: 'Under fourteen, decide together with your parents. Take it back at any time: everything is deleted then.',
    people: '{n} said yes. There are no names here, only sums.', days: 'the last 30 days', stepsTitle: 'By operation: the part that went wrong', kindsTitle: 'What went wrong', hintsTitle: 'How many hints were needed',
    share: '{wrong} of {all}', times: '{n}×, {p} people', timesOwn: '{n}×', forget: 'End of term: delete all', forgetSure: 'Really delete what was counted of the class?',
    ops: { '+': 'adding', '-': 'subtracting', '×': 'multiplying', '÷': 'dividing', '^': 'powers', sum: 'longer sums', answer: 'the result' },
    hows: {
      carry: 'carrying', borrow: 'borrowing', table: 'times table', zero: 'zeros at the end', point: 'decimal point', sign: 'another sign', order: 'wrong way round', 'one off': 'one off', digits: 'digits turned',
      copied: 'copied wrongly', 'unknown number': 'a number from nowhere', equals: 'equals sign', sum: 'wrong sum', unit: 'units not the same', method: 'wrong operation', other: 'not needed', unfinished: 'stopped on the way', wrong: 'wrong result', shown: 'saw the answer',
    },
    hint: ['what it says', 'which numbers', 'which operation', 'written down', 'check'],
  },
};

const say = sayer(WORDS);
const app = new URLSearchParams(location.search).get('app') || 'tutor';
const path = '/house/tallies/' + encodeURIComponent(app);

/** What was counted of the class; null for who may not see it. */
async function ofClass() {
  try {
    return await ask('GET', path + '/class');
  } catch (error) {
    if (error.kind === 'rights') return null;
    throw error;
  }
}

/** rows: [name, part of 1, number]. */
function bars(title, rows) {
  if (!rows.length) return null;
  return node('section', { class: 'card-box' }, [
    node('h2', { text: title }),
    node('ul', { class: 'bars' }, rows.map((row) => {
      const bar = node('span', { class: 'bar' });
      bar.style.width = Math.max(1, Math.round(row[1] * 100)) + '%';
      return node('li', {}, [node('span', { text: row[0] }), node('span', { class: 'track', 'aria-hidden': 'true' }, [bar]), node('span', { class: 'number', text: row[2] })]);
    })),
  ]);
}

/** What was counted, as three charts; whose: 'times' for a class, 'timesOwn' for oneself. */
function charts(tallies, whose) {
  const steps = {}, kinds = {}, hints = {};
  tallies.forEach((one) => {
    if (one.what === 'hint') { hints[one.how] = one.times; return; }
    const step = steps[one.what] = steps[one.what] || { wrong: 0, all: 0 };
    step.all += one.times;
    if (one.how === 'right') return;
    step.wrong += one.times;
    const kind = kinds[one.how] = kinds[one.how] || { times: 0, people: 0 };
    kind.times += one.times;
    kind.people = Math.max(kind.people, one.people);
  });
  const most = (all) => Math.max(1, ...Object.values(all).map((one) => one.times || one));
  const order = (all, by) => Object.keys(all).sort((a, b) => by(all[b]) - by(all[a]));
  return [
    bars(say('stepsTitle'), order(steps, (one) => one.wrong / one.all).map((name) => [say('ops')[name] || name, steps[name].wrong / steps[name].all, say('share', steps[name])])),
    bars(say('kindsTitle'), order(kinds, (one) => one.times).map((name) => [say('hows')[name] || name, kinds[name].times / most(kinds), say(whose, { n: kinds[name].times, p: kinds[name].people })])),
    bars(say('hintsTitle'), Object.keys(hints).sort().map((level) => [level + ' ' + (say('hint')[level - 1] || ''), hints[level] / most(hints), say('timesOwn', { n: hints[level] })])),
  ];
}

async function show() {
  $('back').textContent = say('back');
  $('print').textContent = say('print');
  document.title = say('title');
  try {
    const own = await ask('GET', path);
    const all = await ofClass();
    const check = node('input', { type: 'checkbox', checked: own.yes, onchange: async () => { await send('PUT', path, { yes: check.checked }); show(); } });
    const parts = [
      node('h1', { text: say('title') }), node('p', { class: 'lead', text: say('days') }),
      node('div', { class: 'consent card-box' }, [
        node('label', { class: 'check' }, [check, node('span', { text: say('consent') })]), node('p', { class: 'hint', text: say('consentNote') }),
      ]),
    ];
    if (all) {
      parts.push(node('h2', { text: say('all') }), node('p', { class: 'hint', text: say('people', { n: all.people }) }));
      const drawn = charts(all.tallies, 'times').filter(Boolean);
      parts.push(...(drawn.length ? drawn : [node('p', { text: say('none') })]));
      if (all.may_forget) parts.push(node('p', { class: 'buttons' }, [node('button', { type: 'button', class: 'plain bad', text: say('forget'), onclick: async () => {
        if (window.confirm(say('forgetSure'))) { await send('DELETE', path + '/class'); show(); }
      } })]));
    }
    if (own.yes) {
      const drawn = charts(own.tallies, 'timesOwn').filter(Boolean);
      parts.push(node('h2', { text: say('mine') }), ...(drawn.length ? drawn : [node('p', { text: say('none') })]));
    }
    $('main').replaceChildren(...parts);
  } catch (error) {
    $('main').replaceChildren(node('h1', { text: say('title') }), node('p', { class: 'problem', role: 'alert', text: reason(error) }));
  }
}

$('print').addEventListener('click', () => window.print());
speak(show);
