// What an owner does: registers, lists, deletes, exports, reads the log, lays down the rules.

import { send } from '/page/api.js';
import { button, node, run, when } from '/page/house.js';
import { isChinese } from '/page/language.js';

const DAY = 86400000;
const day = (from, days) => new Date(from + days * DAY).toISOString().slice(0, 10);

function field(label, attributes) {
  return node('label', {}, [label, node('input', attributes)]);
}

/** A form: `act` runs when it is sent; what it is refused is said in `problem`. */
function form(children, act, problem) {
  const made = node('form', {}, children);
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    run(made.querySelector('[type=submit]'), () => act(made.elements), problem);
  });
  return made;
}

export function register(kit) {
  const { say, state } = kit;
  const [least, most] = state.frames;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const done = node('p', { class: 'problem done', role: 'status' });
  const shots = node('ul', { class: 'shots' });
  const count = node('p', { class: 'hint' });
  let taken = []; // {frame, url}
  function shown() {
    shots.replaceChildren(...Array.from({ length: most }, (_, place) =>
      node('li', { class: place < taken.length && 'taken' }, [place < taken.length && node('img', { src: taken[place].url, alt: '' })])));
    count.textContent = say('shots', { n: taken.length });
  }
  function drop() {
    taken.forEach((one) => URL.revokeObjectURL(one.url));
    taken = [];
    shown();
  }
  async function take(blobs) {
    for (const blob of blobs) {
      if (taken.length === most) return;
      const { frame } = await kit.upload(blob, true);
      taken.push({ frame, url: URL.createObjectURL(blob) });
      shown();
    }
  }
  const terms = ['consent1', 'consent2', 'consent3', 'consent4', 'consent5'].map((key) =>
    node('li', { text: say(key, { place: state.rules.place, purpose: state.rules.purpose, keeper: state.rules.keeper, way: state.rules.other_way, dim: say('dim') }) }));
  const kinds = { self: '本人', father: '父亲', mother: '母亲', guardian: '监护人' };
  const consent = [
    node('h2', { text: say('step1') }),
    node('ul', { class: 'terms' }, terms),
    field(say('name'), { name: 'name', required: true, maxlength: 60, autocomplete: 'off' }),
    field(say('born'), { name: 'born', type: 'number', min: 1900, max: new Date().getFullYear(), inputmode: 'numeric' }),
    field(say('signedBy'), { name: 'signed', required: true, maxlength: 60, autocomplete: 'off' }),
    node('label', {}, [say('signedAs'), node('select', { name: 'as' }, Object.keys(kinds).map((key) => node('option', { value: kinds[key], text: say(key) })))]),
    field(say('until'), { name: 'until', type: 'date', required: true, value: day(Date.now(), 365), min: day(Date.now(), 0), max: day(Date.now(), 365 * state.years - 3) }),
    node('label', { class: 'check' }, [node('input', { type: 'checkbox', name: 'agreed', required: true }), say('agree')]),
  ];
  const pictures = [
    node('h2', { text: say('step2', { least, most }) }),
    kit.eyeBox('take', 1, take, problem),
    shots,
    count,
    node('div', { class: 'buttons' }, [button(say('dropShots'), 'plain', drop, problem), node('button', { type: 'submit', class: 'main', id: 'register-now', text: say('registerNow') })]),
    problem,
    done,
  ];
  const whole = form([node('div', { class: 'two' }, [node('section', { class: 'card-box' }, consent), node('section', { class: 'card-box' }, pictures)])], async (given) => {
    done.textContent = '';
    const frames = taken.map((one) => one.frame);
    try {
      const person = await kit.ask('POST', 'people', {
        name: given.name.value, born: given.born.value ? Number(given.born.value) : null, signed_by: given.signed.value,
        signed_as: given.as.value, until: given.until.value, agreed: given.agreed.checked, frames,
      });
      whole.reset();
      done.textContent = say('registered', person);
    } finally {
      if (frames.length) drop(); // a picture serves once
    }
  }, problem);
  shown();
  return [whole];
}

/** Gives the browser a file to keep. */
function download(name, blob) {
  const link = node('a', { href: URL.createObjectURL(blob), download: name });
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** A button that asks "really?" before it runs. */
function sure(say, act, problem) {
  let asked = false;
  const made = button(say('delete'), 'plain bad', async () => {
    if (asked) return act();
    asked = true;
    made.textContent = say('reallyDelete');
    setTimeout(() => {
      asked = false;
      made.textContent = say('delete');
    }, 4000);
    return undefined;
  }, problem);
  return made;
}

export async function people(kit) {
  const { say } = kit;
  const told = await kit.ask('GET', 'people');
  const problem = node('p', { class: 'problem', role: 'alert' });
  const MOST = 200; // lines at a time; who looks for somebody types the name
  const list = node('ul', { class: 'list', id: 'people' });
  function shown(wanted) {
    const found = told.people.filter((person) => !wanted || person.name.includes(wanted) || String(person.id) === wanted);
    list.replaceChildren(...found.slice(0, MOST).map((person) => node('li', {}, [
      node('span', { class: 'grow' }, [person.name, node('small', { text: say('number', person) + ' · ' + say('personLine', { purpose: person.purpose, until: person.until, since: person.since, by: person.signed_by, as: person.signed_as }) })]),
      node('span', { class: 'buttons' }, [
        button(say('export'), 'plain', async () => download('face-' + person.id + '.json', await (await send('POST', '/house/room/gallery/people/' + person.id + '/export')).blob()), problem),
        sure(say, async () => {
          await send('DELETE', '/house/room/gallery/people/' + person.id);
          await kit.show();
        }, problem),
      ]),
    ])));
    if (!found.length) list.append(node('li', { text: say('nobody') }));
  }
  const find = field(say('find'), { type: 'search', autocomplete: 'off', oninput: (event) => shown(event.target.value.trim()) });
  shown('');
  return [node('section', { class: 'card-box' }, [
    node('h2', { text: say('peopleTitle') }),
    node('p', { class: 'hint', text: say('count', { n: told.people.length }) + ' · ' + kit.threshold(told.threshold) }),
    told.filing && node('p', { class: 'warn', text: say('filing') }),
    told.people.length > 8 && find,
    problem,
    list,
  ])];
}

export async function log(kit) {
  const { say } = kit;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const said = node('p', { class: 'problem done', role: 'status' });
  const rows = node('tbody');
  const older = button(say('older'), 'plain', () => more(Number(rows.lastChild.dataset.number)), problem);
  function person(line) {
    if (line.what === 'look' && line.person === null) return say('stranger');
    return say('number', { id: line.person }) + (line.why === 'expired' ? ' · ' + say('expired') : '');
  }
  function add(told) {
    told.lines.forEach((line) => rows.append(node('tr', { 'data-number': line.number }, [
      node('td', { class: 'number', text: String(line.number) }),
      node('td', { text: when(Date.parse(line.at)) }),
      node('td', { text: say('what')[line.what] || line.what }),
      node('td', { text: person(line) + (line.likeness === undefined ? '' : ' · ' + line.likeness.toFixed(3)) }),
      node('td', { text: line.who === 'huozhong' ? say('byHouse') : line.who }),
    ])));
    older.hidden = !told.lines.length || told.lines[told.lines.length - 1].number === 1;
  }
  async function more(before) {
    add(await kit.ask('GET', 'log?before=' + before));
  }
  const told = await kit.ask('GET', 'log');
  add(told);
  const compare = form([
    field(say('witness'), { name: 'head', required: true, minlength: 12, autocomplete: 'off', spellcheck: 'false' }),
    node('button', { type: 'submit', class: 'plain', text: say('checkIt') }),
    said,
  ], async (given) => {
    const { line } = await kit.ask('POST', 'log/witness', { head: given.head.value });
    said.textContent = line === null ? say('witnessBad') : say('witnessGood', { line });
  }, problem);
  return [node('div', { class: 'two' }, [
    node('section', { class: 'card-box' }, [
      node('h2', { text: say('logTitle') }),
      node('p', { class: 'hint', id: 'log-whole', text: say('logWhole', { n: told.count }) }),
      told.count ? node('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': say('logTitle') }, [node('table', { class: 'table' }, [rows])]) : node('p', { text: say('none') }),
      older,
      problem,
    ]),
    node('section', { class: 'card-box' }, [
      node('p', {}, [say('logHead'), node('b', { class: 'code', id: 'head', text: told.head.slice(0, 12) })]),
      node('p', { class: 'hint', text: say('logHint') }),
      compare,
    ]),
  ])];
}

export function rules(kit) {
  const { say, state } = kit;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const kept = state.rules || { place: '', purpose: '', other_way: '', keeper: '' };
  const labels = { place: 'place', purpose: 'purpose', other_way: 'otherWayField', keeper: 'keeper' };
  const fields = Object.keys(labels).map((name) => field(say(labels[name]), { name, value: kept[name], required: true, maxlength: 200, autocomplete: 'off' }));
  const saved = node('p', { class: 'problem done', role: 'status' });
  const half = isChinese() ? 'zh' : 'en';
  const duties = (state.duties || []).map((duty) => node('li', { class: 'due', text: say(duty.due ? 'due' : duty.done ? 'done' : 'notYet') + duty[half] }));
  return [node('div', { class: 'two' }, [
    node('section', { class: 'card-box' }, [
      node('h2', { text: say('rulesTitle') }),
      node('p', { class: 'hint', text: say('hintRules') }),
      form([...fields, node('button', { type: 'submit', class: 'main', text: say('save') })], async (given) => {
        const body = {};
        Object.keys(labels).forEach((name) => { body[name] = given[name].value; });
        await kit.ask('PUT', 'rules', body);
        await kit.show();
        document.querySelector('#saved').textContent = say('saved');
      }, problem),
      problem,
      Object.assign(saved, { id: 'saved' }),
    ]),
    duties.length ? node('section', { class: 'card-box' }, [
      node('h2', { text: say('dutiesTitle') }),
      node('ul', { class: 'terms' }, duties),
      node('a', { class: 'plain', href: '/page/apps.html?app=gallery', text: say('sheet') }),
    ]) : null,
  ])];
}
