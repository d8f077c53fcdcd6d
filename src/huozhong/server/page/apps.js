// The shelf of small apps: found, filled in, read; and made, by anybody.

import { about, get, goTo, link, main, put, request, save, say, titleOf } from './apps-kit.js';
import { current, facts, formOf } from './apps-form.js';
import { inOwn } from './hant.js';
import { $, node, reason, say as sayHouse, speak } from './house.js';

let turn = 0; // counts what was to be shown: what comes late of something else is dropped
let maker = null; // apps-maker.js, once it was needed

async function loadMaker() {
  maker = await import('./apps-maker.js');
  return maker;
}

const KINDS = { 学习: 'Learning', 生活: 'Everyday', 办事: 'Errands', 做生意: 'Business', 娱乐: 'Fun' };

function kindOf(category) {
  return inOwn({ zh: category, en: KINDS[category] || category });
}

// -- the shelf -----------------------------------------------------------------------------

function showShelf(found) {
  if (maker) maker.leave();
  const list = node('ul', { class: 'apps' });
  let chosen = '';
  const categories = [...new Set(found.apps.map((app) => app.category).filter(Boolean))];
  const kinds = node('div', { class: 'kinds', role: 'group', 'aria-label': say('kinds') }, ['', ...categories].map((one) => node('button', {
    type: 'button', class: 'plain', 'aria-pressed': String(one === chosen), text: one ? kindOf(one) : say('allKinds'), onclick: (event) => {
      chosen = one;
      kinds.querySelectorAll('button').forEach((button) => button.setAttribute('aria-pressed', String(button === event.target)));
      fill();
    },
  })));
  const search = node('input', { type: 'search', placeholder: say('find'), 'aria-label': say('find'), oninput: fill });
  function fill() {
    const words = search.value.trim().toLowerCase();
    list.textContent = '';
    found.apps.filter((app) => !chosen || app.category === chosen).filter((app) => [app.name, titleOf(app), app.description, about(app), app.category, kindOf(app.category || '')].join(' ').toLowerCase().indexOf(words) >= 0).sort((one, other) => Boolean(other.favourite) - Boolean(one.favourite)).forEach((app) => {
      const inside = [node('span', { class: 'tile-mark', 'aria-hidden': 'true', text: Array.from(titleOf(app))[0] })];
      if (app.problem) {
        inside.push(node('span', {}, [node('b', { text: app.name }), node('small', { text: inOwn(app.problem) })]));
        list.appendChild(node('li', {}, [node('div', { class: 'broken' }, inside)]));
        return;
      }
      inside.push(node('span', {}, [node('b', { text: titleOf(app) }), node('small', { text: about(app) })]));
      const star = node('button', { type: 'button', class: 'star', 'aria-pressed': String(app.favourite), 'aria-label': say('star', { name: titleOf(app) }), text: app.favourite ? '★' : '☆', onclick: async () => {
        try {
          await request('PUT', '/' + encodeURIComponent(app.name) + '/favourite', { on: !app.favourite });
          app.favourite = !app.favourite;
          fill();
        } catch (error) {
          problem.textContent = reason(error);
        }
      } });
      const tile = app.room ? node('a', { href: app.room + location.hash }, inside) : link('?app=' + encodeURIComponent(app.name), {}, inside);
      list.appendChild(node('li', {}, [tile, star]));
    });
    if (!list.firstChild) list.appendChild(node('li', { text: say('none') }));
  }
  const problem = node('p', { class: 'problem', role: 'alert' });
  fill();
  const open = node('input', { type: 'file', accept: '.md,text/markdown,text/plain', hidden: true, onchange: () => open.files[0] && open.files[0].text().then(async (text) => { (await loadMaker()).begin(text); goTo('?new'); }) });
  put(
    node('h1', { text: say('shelf') }),
    node('p', { class: 'lead', text: say('lead') }),
    found.blocks ? null : node('p', { class: 'facts', text: say('noBlocks') }),
    node('div', { class: 'find-row' }, [search, found.may_make && link('?new', { class: 'main' }, [say('make')])]),
    categories.length > 1 ? kinds : null, problem,
    list,
    found.may_make && node('p', { class: 'buttons' }, [node('button', { type: 'button', class: 'plain', text: say('open'), onclick: () => open.click() }), open]),
  );
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
      app.room && node('a', { class: 'main', href: app.room, text: say('room') }),
      link('', { class: 'plain' }, [say('all')]),
      node('button', { type: 'button', class: 'plain', text: say('file'), onclick: () => save(app.name + '.SKILL.md', app.text) }),
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

// -- which of them -------------------------------------------------------------------------

async function show() {
  if (current.running) current.running.abort();
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
      await loadMaker();
      if (mine !== turn) return;
      maker.showMaker();
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
