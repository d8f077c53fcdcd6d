// One app's form, and its answer as it comes.

import { ApiError, send } from './api.js';
import { save, say } from './apps-kit.js';
import { copyText } from './clipboard.js';
import { inOwn } from './hant.js';
import { node, reason, say as sayHouse } from './house.js';

export const current = { running: null };

function inputFor(field, number) {
  const id = 'f' + number;
  const unit = inOwn(field.unit);
  const title = inOwn(field.labels) + (unit && inOwn(field.labels).indexOf(unit) < 0 ? say('unit', { unit }) : '') + (field.optional ? say('optional') : '');
  if (field.type === 'choice' || field.type === 'yes-no') {
    const options = field.type === 'choice' ? field.options.map((one) => [one.value, inOwn(one.labels)]) : [['yes', say('yes')], ['no', say('no')]];
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
  if (field.type === 'date' && !field.optional) input.value = today(); // what is meant most often
  const box = node('label', { for: id }, [title, input]);
  const more = { file: fileFor, photo: photoFor, sound: soundFor }[field.type];
  return { box: more ? node('div', { class: 'from-file' }, [box, more(input)]) : box, value: () => input.value };
}

function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

/** A photo of text: taken by the phone's own camera, read on the server, and put where it can be read and mended. */
function photoFor(input) {
  const told = node('small', { role: 'status' });
  const take = node('input', { type: 'file', accept: 'image/*', capture: 'environment', 'aria-label': say('takePhoto'), onchange: async () => {
    const photo = take.files[0];
    if (!photo) return;
    told.textContent = say('reading');
    try {
      const read = await (await send('POST', '/house/files/text?name=' + encodeURIComponent(photo.name || 'photo.jpg'), photo)).json();
      input.value = read.text;
      told.textContent = say('wasRead');
    } catch (error) {
      told.textContent = reason(error) + ' ' + say('orType');
      input.focus();
    }
  } });
  return node('div', {}, [node('label', {}, [say('takePhoto'), take]), told]);
}

/** Nobody here understands speech yet: that is said, and typed text is taken. */
function soundFor() {
  return node('small', { text: say('noEars') });
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

export function facts(app) {
  const rows = [];
  const notice = inOwn(app.notice);
  if (notice) rows.push(node('p', { text: say('notice', { text: notice }) }));
  const needs = inOwn(app.needs);
  if (needs) rows.push(node('p', { text: say('needs', { text: needs }) }));
  if (app.program) rows.push(node('p', { text: say('program') }));
  if (app.tools.length) rows.push(node('p', { text: say('may') }), node('ul', {}, Array.from(new Set(app.tools.map((tool) => inOwn(tool))), (text) => node('li', { text }))));
  if (app.refused.length) rows.push(node('p', { text: say('refused', { list: app.refused.join('、') }) }));
  if (app.made_by) rows.push(node('p', { text: say('by', { name: app.made_by }) }));
  return rows.length ? node('div', { class: 'facts' }, rows) : null;
}

/** The form of an app and its answer; start(fields, signal) gives the stream's response. */
export function formOf(app, start) {
  const inputs = app.fields.map((field, number) => ({ key: field.key, made: inputFor(field, number) }));
  const problem = node('p', { class: 'problem', role: 'alert' });
  const said = node('div', { class: 'said answer', 'aria-live': 'polite' });
  const line = node('p', { class: 'label-line', hidden: true });
  const copy = node('button', { type: 'button', class: 'plain', hidden: true, text: sayHouse('copy'), onclick: () => {
    copyText(copy.text + (line.textContent ? '\n\n' + say('unit', { unit: line.textContent }).trim() : '')).then(() => { copy.textContent = sayHouse('copied'); }, () => {});
  } });
  const files = node('span', {});
  const go = node('button', { type: 'submit', class: 'main', text: say('run') });
  const box = node('section', { class: 'card-box', hidden: true }, [said, line, node('p', { class: 'buttons' }, [copy, files])]);
  const form = node('form', { novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (current.running) { current.running.abort(); return; }
    const mine = new AbortController();
    current.running = mine;
    problem.textContent = '';
    box.hidden = false;
    said.className = 'said answer raw';
    said.textContent = say('busy');
    box.scrollIntoView({ block: 'start' });
    line.hidden = copy.hidden = true;
    files.replaceChildren();
    go.textContent = say('stop');
    try {
      const fields = {};
      inputs.forEach((input) => { if (input.made.value() !== '') fields[input.key] = input.made.value(); });
      const told = await read(await start(fields, mine.signal), said, problem);
      if (told) await finish(told, said, line, copy, files);
      else if (said.textContent === say('busy')) box.hidden = true; // nothing came but a refusal, which stands above
      if (told && told.problem && told.by_model) problem.textContent = say('problem', { text: told.problem });
    } catch (error) {
      if (said.textContent === say('busy')) box.hidden = true;
      problem.textContent = mine.signal.aborted ? '' : reason(error);
    }
    if (current.running === mine) current.running = null;
    go.textContent = say('again');
  } }, [...inputs.map((input) => input.made.box), problem, node('p', {}, [go])]);
  return node('div', {}, [form, box]);
}

/** Shows an answer while it comes; gives what it was told at its end. */
async function read(response, said, problem) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '', text = '', ended = false, last = null;
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
        last = told;
      }
    });
  }
  if (!ended) throw new ApiError('offline');
  return last;
}

async function finish(told, said, line, copy, files) {
  said.className = 'said answer';
  if (told.script) said.replaceChildren((await import('./apps-script.js')).scriptOf(told.script, inOwn(told.label)));
  else said.innerHTML = told.html; // made safe by the server
  line.textContent = inOwn(told.label);
  line.hidden = !line.textContent;
  copy.text = told.text;
  copy.textContent = sayHouse('copy');
  copy.hidden = false;
  files.replaceChildren(...Object.keys(told.files).map((name) => node('button', {
    type: 'button', class: 'plain', text: say('keep', { kind: name.slice(name.lastIndexOf('.')) }), onclick: () => save(name, told.files[name], 'text/plain'),
  })));
}
