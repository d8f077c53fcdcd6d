// One app's form, and its answer as it comes.

import { copyText, language, node, save, say } from './apps-kit.js';

export const turn = { running: null };

function inputFor(field, number) {
  const id = 'f' + number;
  const title = field.labels[language()] + (field.unit && field.labels[language()].indexOf(field.unit) < 0 ? '（' + field.unit + '）' : '') + (field.optional ? say('optional') : '');
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
  return { box: node('label', { for: id }, [title, input]), value: () => input.value };
}

export function facts(app) {
  const rows = [];
  if (app.notice) rows.push(node('p', { text: say('notice', { text: app.notice }) }));
  const needs = app.needs[language()];
  if (needs) rows.push(node('p', { text: say('needs', { text: needs }) }));
  if (app.program) rows.push(node('p', { text: say('program') }));
  if (app.tools.length) rows.push(node('p', { text: say('may') }), node('ul', {}, app.tools.map((tool) => node('li', { text: tool[language()] }))));
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
  const copy = node('button', { type: 'button', class: 'plain', hidden: true, text: say('copy'), onclick: async () => {
    if (await copyText(copy.text + (line.textContent ? '\n\n（' + line.textContent + '）' : ''))) copy.textContent = say('copied');
  } });
  const files = node('span', {});
  const go = node('button', { type: 'submit', class: 'main', text: say('run') });
  const box = node('section', { class: 'card-box', hidden: true }, [said, line, node('p', { class: 'buttons' }, [copy, files])]);
  const form = node('form', { novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (turn.running) { turn.running.abort(); return; }
    turn.running = new AbortController();
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
      const told = await read(await start(fields, turn.running.signal), said, problem);
      if (told) await finish(told, said, line, copy, files);
      if (told && told.problem && told.by_model) problem.textContent = say('problem', { text: told.problem });
    } catch (error) {
      if (said.textContent === say('busy')) box.hidden = true;
      problem.textContent = error.message;
    }
    turn.running = null;
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
    const piece = await reader.read();
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
  if (!ended) throw new Error(say('offline'));
  return last;
}

async function finish(told, said, line, copy, files) {
  said.className = 'said answer';
  if (told.script) said.replaceChildren((await import('./apps-script.js')).scriptOf(told.script, told.label[language()]));
  else said.innerHTML = told.html; // made safe by the server
  line.textContent = told.label[language()];
  line.hidden = !line.textContent;
  copy.text = told.text;
  copy.textContent = say('copy');
  copy.hidden = false;
  files.replaceChildren(...Object.keys(told.files).map((name) => node('button', {
    type: 'button', class: 'plain', text: say('keep', { kind: name.slice(name.lastIndexOf('.')) }), onclick: () => save(name, told.files[name], 'text/plain'),
  })));
}
