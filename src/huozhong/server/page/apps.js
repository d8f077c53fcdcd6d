// The shelf of small apps: found, filled in, read; and made, by anybody.

import { ApiError, send } from './api.js';
import { copyText } from './clipboard.js';
import { $, node, reason, sayer, say as sayHouse, speak } from './house.js';
import { isChinese } from './language.js';

const WORDS = {
  zh: {
    shelf: '应用', all: '所有应用', lead: '每个应用是一张小表：填好，按一下。也可以自己做一个。',
    find: '找应用', make: '新的应用', none: '没有找到。', run: '开始', again: '再来一次', stop: '停下', busy: '正在写…',
    file: '给别人用（.md 文件）', qr: '二维码', optional: '（可不填）', yes: '是', no: '否',
    may: '它可以：', program: '带有一小段程序，关在沙箱里运行：读不了文件，上不了网。', refused: '它还要过这些，这里一概不给：{list}', by: '作者：{name}',
    needs: '说明：{text}', notice: '提醒：{text}', checkAgain: '检查没通过，正在重写：{text}', problem: '检查还有一处没通过：{text}',
    makeLead: '填左边，右边就是应用。试好了，放上架子，或者存成文件给别人。', appName: '应用叫什么', appWhat: '它做什么（一句话）', asks: '让人填什么', addField: '再加一栏',
    fieldName: '这一栏问什么', fieldType: '怎么填', fieldOptions: '选项（用逗号分开）', drop: '去掉', says: '要模型做什么（用 {名字} 放进填的内容）', label: '每次结果下面写一句',
    examples: '例子：填什么，结果里要有什么', exampleIn: '填', exampleOut: '结果里要有', addExample: '再加一个例子', theFile: '应用文件', tryIt: '试一试', putUp: '放上架子', open: '打开一个应用文件',
    upDone: '放好了。', examined: '先看清楚它是什么，再用。', t_text: '一行字', t_long: '一段话', t_number: '数', t_choice: '选一个', t_date: '日期', 't_yes-no': '是 / 否', blank: '栏', chooseFile: '选一个文件',
    tallies: '哪一步容易错',
    noBlocks: '带程序的应用还不能用：在服务器上运行 pip install \'huozhong[apps]\'。',
  },
  en: {
    shelf: 'Apps', all: 'All apps', lead: 'Each app is a small form: fill it in, press once. You can make one, too.',
    find: 'Find an app', make: 'New app', none: 'Nothing found.', run: 'Go', again: 'Once more', stop: 'Stop', busy: 'Writing…',
    file: 'Hand it on (.md file)', qr: 'QR code', optional: ' (optional)', yes: 'Yes', no: 'No',
    may: 'It may:', program: 'It has a small program, which runs in a sandbox: no files, no network.', refused: 'It asked for these too, and gets none of them here: {list}', by: 'By {name}',
    needs: 'Note: {text}', notice: 'Please note: {text}', checkAgain: 'A check failed, it is written anew: {text}', problem: 'One check still fails: {text}',
    makeLead: 'Fill in the left side; the right side is the app. Try it, put it on the shelf, or keep it as a file for others.', appName: 'What it is called', appWhat: 'What it does, in a sentence', asks: 'What people fill in', addField: 'One more field',
    fieldName: 'What this field asks', fieldType: 'How it is filled in', fieldOptions: 'Options, with commas between', drop: 'Take out', says: 'What the model should do ({name} stands for what was filled in)', label: 'A line under every result',
    examples: 'Examples: what is filled in, what the result must hold', exampleIn: 'Filled in', exampleOut: 'The result holds', addExample: 'One more example', theFile: 'The app\'s file', tryIt: 'Try it', putUp: 'Put it on the shelf', open: 'Open an app\'s file',
    upDone: 'It is on the shelf.', examined: 'Look at what it is before you use it.', t_text: 'a line', t_long: 'a text', t_number: 'a number', t_choice: 'one of several', t_date: 'a date', 't_yes-no': 'yes / no', blank: 'field', chooseFile: 'Choose a file',
    tallies: 'Which steps go wrong',
    noBlocks: 'Apps with a program cannot run yet: pip install \'huozhong[apps]\' on the server.',
  },
};

const say = sayer(WORDS);
const main = $('main');
let running = null;
let making = null; // what is being made: {made, given: somebody's file, text: the file where it was written by hand}
let turn = 0; // counts what was to be shown: what comes late of something else is dropped

function request(method, path, body, signal) {
  return send(method, '/house/apps' + path, body, signal ? { signal } : {});
}

function half() {
  return isChinese() ? 'zh' : 'en';
}

async function get(path) {
  return (await request('GET', path)).json();
}

function put(...parts) {
  main.replaceChildren(...parts.filter(Boolean));
}

function titleOf(app) {
  return (app.titles && app.titles[half()]) || app.name;
}

function goTo(query) {
  history.pushState(null, '', location.pathname + query + location.hash);
  turnTo();
}

function about(app) {
  return (app.about && app.about[half()]) || app.description || '';
}

function link(query, attributes, children) {
  return node('a', Object.assign({ href: location.pathname + query + location.hash, onclick: (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    goTo(query);
  } }, attributes), children);
}

// -- the shelf -----------------------------------------------------------------------------

function showShelf(found) {
  if (making && making.given) making = null;
  const list = node('ul', { class: 'apps' });
  const search = node('input', { type: 'search', placeholder: say('find'), 'aria-label': say('find'), oninput: fill });
  function fill() {
    const words = search.value.trim().toLowerCase();
    list.textContent = '';
    found.apps.filter((app) => [app.name, titleOf(app), app.description, about(app), app.category].join(' ').toLowerCase().indexOf(words) >= 0).forEach((app) => {
      const inside = [node('span', { class: 'tile-mark', 'aria-hidden': 'true', text: Array.from(titleOf(app))[0] })];
      if (app.problem) {
        inside.push(node('span', {}, [node('b', { text: app.name }), node('small', { text: app.problem[half()] })]));
        list.appendChild(node('li', {}, [node('div', { class: 'broken' }, inside)]));
        return;
      }
      inside.push(node('span', {}, [node('b', { text: titleOf(app) }), node('small', { text: about(app) })]));
      list.appendChild(node('li', {}, [link('?app=' + encodeURIComponent(app.name), {}, inside)]));
    });
    if (!list.firstChild) list.appendChild(node('li', { text: say('none') }));
  }
  fill();
  const open = node('input', { type: 'file', accept: '.md,text/markdown,text/plain', hidden: true, onchange: () => open.files[0] && open.files[0].text().then((text) => { making = begun(text); goTo('?new'); }) });
  put(
    node('h1', { text: say('shelf') }),
    node('p', { class: 'lead', text: say('lead') }),
    found.blocks ? null : node('p', { class: 'facts', text: say('noBlocks') }),
    node('div', { class: 'find-row' }, [search, link('?new', { class: 'main' }, [say('make')])]),
    list,
    node('p', { class: 'buttons' }, [node('button', { type: 'button', class: 'plain', text: say('open'), onclick: () => open.click() }), open]),
  );
}

// -- one app -------------------------------------------------------------------------------

function inputFor(field, number) {
  const id = 'f' + number;
  const title = field.labels[half()] + (field.unit ? '（' + field.unit + '）' : '') + (field.optional ? say('optional') : '');
  if (field.type === 'choice' || field.type === 'yes-no') {
    const options = field.type === 'choice' ? field.options.map((one) => [one, one]) : [['yes', say('yes')], ['no', say('no')]];
    const rows = options.map((option, place) => node('label', {}, [
      node('input', { type: 'radio', name: id, value: option[0], checked: place === 0 && !field.optional }), node('span', { text: option[1] }),
    ]));
    const box = node('fieldset', {}, [node('legend', { text: title }), node('div', { class: 'choices' }, rows)]);
    return { box, value: () => { const one = box.querySelector('input:checked'); return one ? one.value : ''; } };
  }
  const kinds = { number: 'text', date: 'date' };
  const input = field.type === 'long' || field.type === 'photo' || field.type === 'sound' || field.type === 'file'
    ? node('textarea', { id, rows: 4 })
    : node('input', { id, type: kinds[field.type] || 'text', inputmode: field.type === 'number' ? 'decimal' : null, autocomplete: 'off' });
  const box = node('label', { for: id }, [title, input]);
  return { box: field.type === 'file' ? node('div', { class: 'from-file' }, [box, fileFor(input)]) : box, value: () => input.value };
}

/** A text file's content goes into the field, where it can be read and changed before it is sent. */
function fileFor(input) {
  const open = node('input', { type: 'file', accept: '.csv,.txt,.tsv,text/csv,text/plain', 'aria-label': say('chooseFile'), onchange: async () => {
    if (!open.files[0]) return;
    const bytes = await open.files[0].arrayBuffer();
    try {
      input.value = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      input.value = new TextDecoder('gb18030').decode(bytes); // as spreadsheets in China save it
    }
  } });
  return open;
}

function facts(app) {
  const rows = [];
  if (app.notice) rows.push(node('p', { text: say('notice', { text: app.notice }) }));
  const needs = app.needs[half()];
  if (needs) rows.push(node('p', { text: say('needs', { text: needs }) }));
  if (app.program) rows.push(node('p', { text: say('program') }));
  if (app.tools.length) rows.push(node('p', { text: say('may') }), node('ul', {}, app.tools.map((tool) => node('li', { text: tool[half()] }))));
  if (app.refused.length) rows.push(node('p', { text: say('refused', { list: app.refused.join('、') }) }));
  if (app.made_by) rows.push(node('p', { text: say('by', { name: app.made_by }) }));
  return rows.length ? node('div', { class: 'facts' }, rows) : null;
}

/** The form of an app and its answer; start(fields, signal) gives the stream's response. */
function formOf(app, start) {
  const inputs = app.fields.map((field, number) => ({ key: field.key, made: inputFor(field, number) }));
  const problem = node('p', { class: 'problem', role: 'alert' });
  const said = node('div', { class: 'said answer', 'aria-live': 'polite' });
  const line = node('p', { class: 'label-line', hidden: true });
  const copy = node('button', { type: 'button', class: 'plain', hidden: true, text: sayHouse('copy'), onclick: () => {
    copyText(copy.text + '\n\n（' + line.textContent + '）').then(() => { copy.textContent = sayHouse('copied'); }, () => {});
  } });
  const go = node('button', { type: 'submit', class: 'main', text: say('run') });
  const box = node('section', { class: 'card-box', hidden: true }, [said, line, node('p', { class: 'buttons' }, [copy])]);
  const form = node('form', { novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (running) { running.abort(); return; }
    const mine = new AbortController();
    running = mine;
    problem.textContent = '';
    box.hidden = false;
    said.className = 'said answer raw';
    said.textContent = say('busy');
    line.hidden = copy.hidden = true;
    go.textContent = say('stop');
    try {
      const fields = {};
      inputs.forEach((input) => { if (input.made.value() !== '') fields[input.key] = input.made.value(); });
      await read(await start(fields, mine.signal), said, line, copy, problem);
    } catch (error) {
      if (said.textContent === say('busy')) box.hidden = true;
      problem.textContent = mine.signal.aborted ? '' : reason(error);
    }
    if (running === mine) running = null;
    go.textContent = say('again');
  } }, [...inputs.map((input) => input.made.box), problem, node('p', {}, [go])]);
  return node('div', {}, [form, box]);
}

async function read(response, said, line, copy, problem) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '', text = '', ended = false;
  for (;;) {
    const piece = await reader.read().catch(() => { throw new ApiError('offline'); });
    if (piece.done) break;
    const events = (rest + decoder.decode(piece.value, { stream: true })).split('\n\n');
    rest = events.pop();
    events.forEach((event) => {
      const name = (/^event: (.*)$/m.exec(event) || [])[1];
      const data = (/^data: (.*)$/m.exec(event) || [])[1];
      if (!data) return;
      const told = JSON.parse(data);
      if (name === 'text') {
        text += told.text;
        said.textContent = text;
      } else if (name === 'again') {
        text = '';
        said.textContent = say('checkAgain', { text: told.text });
      } else if (name === 'error') {
        ended = true;
        problem.textContent = told.message;
      } else {
        ended = true;
        said.className = 'said answer';
        said.innerHTML = told.html; // made safe by the server
        line.textContent = told.label[half()];
        line.hidden = !line.textContent;
        copy.text = told.text;
        copy.hidden = false;
        if (told.problem) problem.textContent = say('problem', { text: told.problem });
      }
    });
  }
  if (!ended) throw new ApiError('offline');
}

function showApp(app) {
  const path = '/' + encodeURIComponent(app.name);
  const code = node('p', { hidden: true });
  const remove = app.origin === 'people' && node('button', { type: 'button', class: 'plain bad', text: sayHouse('remove'), onclick: async () => {
    if (remove.textContent !== sayHouse('reallyRemove')) { remove.textContent = sayHouse('reallyRemove'); return; }
    await request('DELETE', path);
    goTo('');
  } });
  put(
    node('h1', { text: titleOf(app) }),
    node('p', { class: 'lead', text: about(app) }),
    formOf(app, (fields, signal) => request('POST', path + '/run', { fields }, signal)),
    facts(app),
    node('p', { class: 'buttons' }, [
      link('', { class: 'plain' }, [say('all')]),
      node('button', { type: 'button', class: 'plain', text: say('file'), onclick: () => save(app.name, app.text) }),
      node('button', { type: 'button', class: 'plain', text: say('qr'), onclick: async () => {
        try {
          const svg = await (await request('GET', path + '/qr')).text();
          const picture = document.importNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement, true);
          picture.setAttribute('width', 280);
          picture.setAttribute('role', 'img');
          picture.setAttribute('aria-label', say('qr'));
          code.replaceChildren(picture);
        } catch (error) {
          code.textContent = reason(error);
        }
        code.hidden = false;
      } }),
      app.tallies && node('a', { class: 'plain', href: '/page/tallies.html?app=' + encodeURIComponent(app.name), text: say('tallies') }),
      remove,
    ]),
    code,
  );
}

function save(name, text) {
  const href = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  const go = node('a', { href, download: name + '.SKILL.md' });
  document.body.appendChild(go);
  go.click();
  go.remove();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

// -- making one ----------------------------------------------------------------------------

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

function showMaker() {
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
    node('p', { class: 'buttons' }, [up, node('button', { type: 'button', class: 'plain', text: say('file'), onclick: () => save('app', file.value) }), link('', { class: 'plain' }, [say('all')])]),
  ]);
  main.replaceChildren(node('h1', { text: say('make') }), node('p', { class: 'lead', text: say(given ? 'examined' : 'makeLead') }), node('div', { class: given ? '' : 'maker' }, [left, right]));
  if (given || made.name) grow();
}

// -- which of them -------------------------------------------------------------------------

async function show() {
  if (running) running.abort();
  const mine = (turn += 1);
  const query = new URLSearchParams(location.search);
  const name = query.get('app');
  $('back').href = '/' + location.hash;
  document.title = say('shelf');
  try {
    if (!query.has('new')) {
      const found = await get(name ? '/' + encodeURIComponent(name) : '');
      if (mine !== turn) return;
      main.classList.remove('making');
      (name ? showApp : showShelf)(found);
    } else {
      showMaker();
    }
  } catch (error) {
    if (mine !== turn) return;
    put(node('h1', { text: say('shelf') }), node('p', { class: 'problem', role: 'alert', text: reason(error) }), node('p', {}, [link('', { class: 'plain' }, [say('all')])]));
  }
}

/** Another page of these has been chosen: it is read from its beginning. */
function turnTo() {
  show().then(() => {
    window.scrollTo(0, 0);
    main.focus();
  });
}

window.addEventListener('popstate', turnTo);
speak(show);
