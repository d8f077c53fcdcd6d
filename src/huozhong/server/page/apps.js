// The shelf of small apps: found, filled in, read; and made, by anybody.

import { about, ask, goTo, language, link, main, node, put, root, save, say, titleOf } from './apps-kit.js';
import { facts, formOf, turn } from './apps-form.js';

const KINDS = { 学习: 'Learning', 生活: 'Everyday', 办事: 'Errands', 做生意: 'Business', 娱乐: 'Fun' };

function kindOf(category) {
  return (language() === 'en' && KINDS[category]) || category;
}

// -- the shelf -----------------------------------------------------------------------------

async function showShelf() {
  const found = await (await ask('GET', '')).json();
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
        inside.push(node('span', {}, [node('b', { text: app.name }), node('small', { text: app.problem[language()] })]));
        list.appendChild(node('li', {}, [node('div', { class: 'broken' }, inside)]));
        return;
      }
      inside.push(node('span', {}, [node('b', { text: titleOf(app) }), node('small', { text: about(app) })]));
      const star = node('button', { type: 'button', class: 'star', 'aria-pressed': String(app.favourite), 'aria-label': say('star', { name: titleOf(app) }), text: app.favourite ? '★' : '☆', onclick: async () => {
        try {
          await ask('PUT', '/' + encodeURIComponent(app.name) + '/favourite', { on: !app.favourite });
          app.favourite = !app.favourite;
          fill();
        } catch (error) {
          problem.textContent = error.message;
        }
      } });
      list.appendChild(node('li', {}, [link('?app=' + encodeURIComponent(app.name), {}, inside), star]));
    });
    if (!list.firstChild) list.appendChild(node('li', { text: say('none') }));
  }
  const problem = node('p', { class: 'problem', role: 'alert' });
  fill();
  const open = node('input', { type: 'file', accept: '.md,text/markdown,text/plain', hidden: true, onchange: () => open.files[0] && open.files[0].text().then((text) => make(text)) });
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

async function showApp(name) {
  const app = await (await ask('GET', '/' + encodeURIComponent(name))).json();
  const path = '/' + encodeURIComponent(name);
  const code = node('p', { hidden: true });
  const remove = app.origin === 'people' && node('button', { type: 'button', class: 'plain bad', text: say('remove'), onclick: async () => {
    if (remove.textContent !== say('removeSure')) { remove.textContent = say('removeSure'); return; }
    await ask('DELETE', path);
    goTo('');
  } });
  put(
    node('h1', { text: titleOf(app) }),
    node('p', { class: 'lead', text: about(app) }),
    formOf(app, (fields, signal) => ask('POST', path + '/run', { fields }, signal)),
    facts(app),
    node('p', { class: 'buttons' }, [
      link('', { class: 'plain' }, [say('all')]),
      node('button', { type: 'button', class: 'plain', text: say('file'), onclick: () => save(app.name + '.SKILL.md', app.text) }),
      node('button', { type: 'button', class: 'plain', text: say('qr'), onclick: async () => {
        try {
          const svg = await (await ask('GET', path + '/qr')).text();
          const picture = document.importNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement, true);
          picture.setAttribute('width', 280);
          picture.setAttribute('role', 'img');
          picture.setAttribute('aria-label', say('qr'));
          code.replaceChildren(picture);
        } catch (error) {
          code.textContent = error.message;
        }
        code.hidden = false;
      } }),
      remove,
    ]),
    code,
  );
}

async function make(given) {
  (await import('./apps-maker.js')).showMaker(given);
}

// -- which of them -------------------------------------------------------------------------

async function show() {
  if (turn.running) turn.running.abort();
  main.classList.remove('making');
  main.replaceChildren();
  const query = new URLSearchParams(location.search);
  document.getElementById('back').textContent = say('back');
  document.getElementById('back').href = '/' + location.hash;
  document.getElementById('language').textContent = say('other');
  document.title = say('shelf');
  try {
    if (query.has('new')) await make(null);
    else if (query.get('app')) await showApp(query.get('app'));
    else await showShelf();
  } catch (error) {
    main.replaceChildren(node('h1', { text: say('shelf') }), node('p', { class: 'problem', role: 'alert', text: error.message }), node('p', {}, [link('', { class: 'plain' }, [say('all')])]));
  }
}

document.getElementById('language').addEventListener('click', () => {
  root.lang = language() === 'zh' ? 'en' : 'zh-CN';
  try {
    window.localStorage.setItem('huozhong.language', language());
  } catch (error) {
    // storage is switched off: the choice lasts as long as the page
  }
  show();
});
window.addEventListener('popstate', show);
show();
