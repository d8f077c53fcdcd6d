// The grandchild's side: the dialect, contacts, photos, three recordings of each name, the voice that asks back, the link.

import { button, node, reason, sure } from '/page/house.js';
import { isChinese } from '/page/language.js';
import { recorderButton } from './record.js';
import { face, shown } from './phone.js';

const PHOTO = 480; // pixels a side; more is not shown

export function setup(room, place) {
  const { say, told } = room;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const trouble = (error) => {
    problem.textContent = error instanceof DOMException ? say('noMicrophone') : reason(error);
  };
  const changed = async () => {
    await room.load();
    room.show();
  };
  place.replaceChildren(
    node('h1', { text: say('title') }),
    problem,
    dialect(),
    node('h2', { text: say('people') }),
    ...told.contacts.map(person),
    adding(),
    link(),
    node('div', { class: 'card-box' }, [
      node('p', { class: 'hint', text: say('forgetHint') }),
      sure(say('forget'), async () => {
        await room.send('DELETE', 'recordings');
        await changed();
      }, problem),
      node('p', { class: 'hint', text: say('from') }),
    ]),
  );

  function dialect() {
    const choice = node('input', {
      id: 'dialect', list: 'places', value: told.dialect, maxLength: 40, placeholder: say('unknown'), autocomplete: 'off',
    });
    choice.addEventListener('change', () => room.put('dialect', { dialect: choice.value }).then(changed, trouble));
    return node('div', { class: 'card-box' }, [
      node('label', { text: say('dialect') }, [choice]),
      node('datalist', { id: 'places' }, told.places.map((name) => node('option', { value: name }))),
      node('p', { class: 'hint', text: told.heard_as[isChinese() ? 'zh' : 'en'] }),
    ]);
  }

  function person(one) {
    const path = 'contacts/' + one.id;
    const record = (to, method) =>
      recorderButton('plain', { start: say('record'), stop: say('recordStop') }, async (file) => {
        await room.send(method, path + to, file);
        await changed();
      }, trouble);
    const gone = (to) => async () => {
      await room.send('DELETE', path + to);
      await changed();
    };
    const row = (text, parts) => node('div', { class: 'row' }, [node('span', { text }), ...parts]);
    return node('div', { class: 'card-box person' }, [
      node('div', { class: 'head' }, [face(room, one), node('div', {}, [node('b', { text: shown(one) }), one.number])]),
      row(say('tagsOf', { n: one.tags }), [record('/tags', 'POST'), one.tags ? sure(say('again3'), gone('/tags'), problem) : null]),
      row(say(one.voice ? 'voiceYes' : 'voiceNo') + ' ' + say('voiceHint', { who: shown(one) }), [
        record('/voice', 'PUT'),
        one.voice ? sure(say('remove'), gone('/voice'), problem) : null,
      ]),
      node('div', { class: 'row end' }, [photo(one), sure(say('remove'), gone(''), problem)]),
    ]);
  }

  function photo(one) {
    const input = node('input', { type: 'file', accept: 'image/*' });
    input.addEventListener('change', async () => {
      try {
        await room.send('PUT', 'contacts/' + one.id + '/photo', await smaller(input.files[0]));
        await changed();
      } catch (error) {
        trouble(error);
      }
    });
    return node('label', { class: 'plain file' }, [say('photo'), input]);
  }

  function adding() {
    const field = (name, more) => node('input', Object.assign({ id: 'new-' + name, autocomplete: 'off', required: true }, more));
    const name = field('name', { maxlength: 30 });
    const relation = field('relation', { maxlength: 20, required: false });
    const number = field('number', { maxlength: 30, type: 'tel' });
    const save = async (event) => {
      event.preventDefault();
      try {
        await room.post('contacts', { name: name.value, relation: relation.value, number: number.value });
        await changed();
      } catch (error) {
        trouble(error);
      }
    };
    return node('form', { class: 'card-box', id: 'add', onsubmit: save }, [
      node('h2', { text: say('add') }),
      node('label', { text: say('relation') }, [relation]),
      node('label', { text: say('name') }, [name]),
      node('label', { text: say('number') }, [number]),
      node('button', { class: 'main', type: 'submit', text: say('save') }),
    ]);
  }

  function link() {
    const address = node('code', { class: 'secret', id: 'address', hidden: true });
    return node('div', { class: 'card-box' }, [
      node('h2', { text: say('link') }),
      node('p', { class: 'hint', text: say('linkHint') }),
      told.linked ? node('p', { class: 'hint', text: say('linked') }) : null,
      address,
      button(say('makeLink'), 'main', async () => {
        address.textContent = (await room.post('link')).address;
        address.hidden = false;
      }, problem),
      told.linked ? sure(say('endLink'), async () => {
        await room.send('DELETE', 'link');
        await changed();
      }, problem) : null,
    ]);
  }
}

/** A photo cut to a square of PHOTO pixels, as JPEG: nobody needs twelve megapixels of a face. */
async function smaller(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  const side = Math.min(image.naturalWidth, image.naturalHeight);
  const canvas = node('canvas', { width: PHOTO, height: PHOTO });
  canvas.getContext('2d').drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, PHOTO, PHOTO);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85));
}
