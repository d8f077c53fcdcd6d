// Making an app: what is filled in, the file that grows beside it, and a try of it.

import { WORDS, goTo, link, main, request, save, say, titleOf } from './apps-kit.js';
import { facts, formOf } from './apps-form.js';
import { node, reason } from './house.js';

Object.assign(WORDS.zh, {
  makeLead: '填左边，右边就是应用。试好了，放上架子，或者存成文件给别人。', appName: '应用叫什么', appWhat: '它做什么（一句话）', asks: '让人填什么', addField: '再加一栏',
  fieldName: '这一栏问什么', fieldType: '怎么填', fieldOptions: '选项（用逗号分开）', drop: '去掉', says: '要模型做什么（用 {名字} 放进填的内容）', label: '每次结果下面写一句',
  examples: '例子：填什么，结果里要有什么', exampleIn: '填', exampleOut: '结果里要有', addExample: '再加一个例子', theFile: '应用文件', tryIt: '试一试', putUp: '放上架子',
  examined: '先看清楚它是什么，再用。', t_text: '一行字', t_long: '一段话', t_number: '数', t_choice: '选一个', t_date: '日期', 't_yes-no': '是 / 否', blank: '栏',
});
Object.assign(WORDS.en, {
  makeLead: 'Fill in the left side; the right side is the app. Try it, put it on the shelf, or keep it as a file for others.', appName: 'What it is called', appWhat: 'What it does, in a sentence', asks: 'What people fill in', addField: 'One more field',
  fieldName: 'What this field asks', fieldType: 'How it is filled in', fieldOptions: 'Options, with commas between', drop: 'Take out', says: 'What the model should do ({name} stands for what was filled in)', label: 'A line under every result',
  examples: 'Examples: what is filled in, what the result must hold', exampleIn: 'Filled in', exampleOut: 'The result holds', addExample: 'One more example', theFile: 'The app\'s file', tryIt: 'Try it', putUp: 'Put it on the shelf',
  examined: 'Look at what it is before you use it.', t_text: 'a line', t_long: 'a text', t_number: 'a number', t_choice: 'one of several', t_date: 'a date', 't_yes-no': 'yes / no', blank: 'field',
});

let making = null; // what is being made: {made, given: somebody's file, text: the file where it was written by hand}

/** Somebody's file is looked at next; without one, what is being made goes on. */
export function begin(given) {
  making = begun(given);
}

/** Nobody's file is looked at any more. */
export function leave() {
  if (making && making.given) making = null;
}

const TYPES = ['text', 'long', 'number', 'choice', 'date', 'yes-no'];

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

function quoted(text) {
  return '"' + oneLine(text).replace(/\\/g, '\\\\').replace(/"/g, '\\"') + '"';
}

/** The SKILL.md of what was filled in. */
function written(made) {
  const short = oneLine(made.name).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '') || 'app';
  const keys = made.fields.map((field, number) => {
    const plain = oneLine(field.name).replace(/[^\p{L}\p{N}_]+/gu, '').replace(/^\d+/, '');
    return plain || say('blank') + (number + 1);
  });
  const lines = made.fields.map((field, number) => keys[number] + ': ' + field.type + (field.type === 'choice' ? '(' + oneLine(field.options) + ')' : '') + ' ' + oneLine(field.name));
  let prompt = made.says.trim().replace(/\{+([^{}]+)\}+/g, (found, name) => {
    const number = made.fields.findIndex((field, place) => oneLine(field.name) === name.trim() || keys[place] === name.trim());
    return number < 0 ? found : '{{' + keys[number] + '}}';
  });
  keys.forEach((name) => { if (prompt.indexOf('{{' + name + '}}') < 0) prompt += '\n' + name + '：{{' + name + '}}'; });
  const examples = made.examples.filter((one) => one.out.trim()).map((one) => keys.map((name, number) => (number ? '  ' : '- ') + name + ': ' + oneLine(one.given[number] || '')).join('\n') + '\n  → ' + oneLine(one.out));
  return [
    '---', 'name: ' + short, 'description: ' + quoted(made.what || made.name), 'metadata:', '  title: ' + quoted(made.name), made.label ? '  label: ' + quoted(made.label) : null, '---',
    lines.length ? '```fields\n' + lines.join('\n') + '\n```\n' : null, prompt, examples.length ? '\n## Examples\n\n' + examples.join('\n') : null, '',
  ].filter((part) => part !== null).join('\n');
}

function begun(given) {
  return { given, text: given, made: { name: '', what: '', says: '', label: '', fields: [{ name: '', type: 'text', options: '' }], examples: [] } };
}

export function showMaker() {
  main.classList.add('making');
  if (!making) making = begun(null);
  const { given, made } = making;
  const file = node('textarea', { class: 'file', id: 'file', spellcheck: 'false', oninput: () => { making.text = file.value; look(); } });
  const problem = node('p', { class: 'problem', role: 'alert' });
  const preview = node('div');
  let asked = 0, waiting = null;
  function grow() {
    file.value = making.text === null ? written(made) : making.text;
    look();
  }
  function look() {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const turn = ++asked, text = file.value;
      try {
        const app = await (await request('POST', '/check', { text })).json();
        if (turn !== asked) return;
        problem.textContent = '';
        const parts = [node('h2', { text: titleOf(app) }), facts(app), formOf(app, (fields, signal) => request('POST', '/try', { text: file.value, fields }, signal))];
        preview.replaceChildren(...parts.filter(Boolean));
      } catch (error) {
        if (turn !== asked) return;
        problem.textContent = made.name || given ? reason(error) : '';
      }
    }, 400);
  }
  const wide = (name, id, input) => node('label', { for: id }, [say(name), input]);
  const text = (id, name, many) => {
    const input = node(many ? 'textarea' : 'input', { id, type: many ? null : 'text', rows: many ? 5 : null, maxlength: many ? null : 100, oninput: () => { made[name] = input.value; grow(); } });
    input.value = made[name];
    return input;
  };
  const fields = node('ul', { class: 'fields-made' });
  const examples = node('ul', { class: 'fields-made' });
  function showFields() {
    fields.replaceChildren(...made.fields.map((field, number) => {
      const options = node('label', { hidden: field.type !== 'choice' }, [say('fieldOptions'), node('input', { value: field.options, oninput: (event) => { field.options = event.target.value; grow(); } })]);
      const type = node('select', { onchange: (event) => { field.type = event.target.value; options.hidden = field.type !== 'choice'; grow(); } }, TYPES.map((one) => node('option', { value: one, selected: one === field.type, text: say('t_' + one) })));
      return node('li', {}, [
        node('label', {}, [say('fieldName'), node('input', { value: field.name, oninput: (event) => { field.name = event.target.value; showExamples(); grow(); } })]),
        node('label', {}, [say('fieldType'), type]), options,
        node('button', { type: 'button', class: 'plain', text: say('drop'), onclick: () => { made.fields.splice(number, 1); showFields(); showExamples(); grow(); } }),
      ]);
    }));
  }
  function showExamples() {
    examples.replaceChildren(...made.examples.map((one, number) => node('li', {}, [
      ...made.fields.map((field, place) => node('label', {}, [say('exampleIn') + '：' + (field.name || place + 1), node('input', { value: one.given[place] || '', oninput: (event) => { one.given[place] = event.target.value; grow(); } })])),
      node('label', {}, [say('exampleOut'), node('input', { value: one.out, oninput: (event) => { one.out = event.target.value; grow(); } })]),
      node('button', { type: 'button', class: 'plain', text: say('drop'), onclick: () => { made.examples.splice(number, 1); showExamples(); grow(); } }),
    ])));
  }
  showFields();
  showExamples();
  const up = node('button', { type: 'button', class: 'main', text: say('putUp'), onclick: async () => {
    try {
      const app = await (await request('POST', '', { text: file.value })).json();
      making = null;
      goTo('?app=' + encodeURIComponent(app.name));
    } catch (error) {
      problem.textContent = reason(error);
    }
  } });
  const left = given ? null : node('div', {}, [
    wide('appName', 'app-name', text('app-name', 'name')),
    wide('appWhat', 'app-what', text('app-what', 'what')),
    node('h2', { text: say('asks') }), fields,
    node('p', {}, [node('button', { type: 'button', class: 'plain', text: say('addField'), onclick: () => { made.fields.push({ name: '', type: 'text', options: '' }); showFields(); showExamples(); grow(); } })]),
    wide('says', 'says', text('says', 'says', true)),
    wide('label', 'label', text('label', 'label')),
    node('h2', { text: say('examples') }), examples,
    node('p', {}, [node('button', { type: 'button', class: 'plain', text: say('addExample'), onclick: () => { made.examples.push({ given: [], out: '' }); showExamples(); } })]),
  ]);
  const right = node('div', {}, [
    node('section', { class: 'card-box' }, [node('h2', { text: say('tryIt') }), preview]),
    wide('theFile', 'file', file), problem,
    node('p', { class: 'buttons' }, [up, node('button', { type: 'button', class: 'plain', text: say('file'), onclick: () => save('app.SKILL.md', file.value) }), link('', { class: 'plain' }, [say('all')])]),
  ]);
  main.replaceChildren(node('h1', { text: say('make') }), node('p', { class: 'lead', text: say(given ? 'examined' : 'makeLead') }), node('div', { class: given ? '' : 'maker' }, [left, right]));
  if (given || made.name) grow();
}
