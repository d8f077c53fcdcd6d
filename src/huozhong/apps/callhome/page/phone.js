// Grandma's side: press, say, see ONE photo, hear the name, and only then the green button.  Never a guess, never by itself.

import { button, node, reason } from '/page/house.js';
import { isChinese } from '/page/language.js';
import { recorderButton } from './record.js';

/** The photo of a contact, or the first character of the name. */
export function face(room, person) {
  const made = node('div', { class: 'face' });
  if (person.photo) made.appendChild(node('img', { src: room.base + 'contacts/' + person.id + '/photo', alt: '' }));
  else made.textContent = (person.name || person.relation).slice(0, 1);
  return made;
}

export function shown(person) {
  return person.relation && person.relation !== person.name ? person.relation + ' ' + person.name : person.name;
}

export function phone(room, place) {
  const { say, told } = room;
  const problem = node('p', { class: 'problem', role: 'alert' });
  const at = (id) => told.contacts.find((person) => person.id === id);
  home();

  function home(message) {
    problem.textContent = message || '';
    const talk = recorderButton('big', { start: say('press'), stop: say('stop') }, understandSound, trouble);
    talk.id = 'talk';
    const typed = node('input', { id: 'said', autocomplete: 'off', maxlength: 60, enterkeyhint: 'go' });
    const form = node('form', { class: 'typed', onsubmit: understandText }, [
      node('label', { text: say('type') }, [typed]),
      node('button', { class: 'main', type: 'submit', text: say('go') }),
    ]);
    place.replaceChildren(
      problem,
      ...(told.contacts.length
        ? [talk, form, button(say('pictures'), 'plain wide-plain', async () => choose(told.contacts), problem)]
        : [node('p', { class: 'lead', text: say(told.may_change ? 'firstPeople' : 'noPeople') }), told.may_change && button(say('setup'), 'big', room.turn, problem)].filter(Boolean)),
    );

    async function understandText(event) {
      event.preventDefault();
      if (!typed.value.trim()) return;
      problem.textContent = say('thinking');
      try {
        answer(await room.post('say', { said: typed.value }));
      } catch (error) {
        trouble(error);
      }
    }
  }

  async function understandSound(file) {
    if (!told.contacts.some((person) => person.tags)) {
      problem.textContent = say('noTags');
      return;
    }
    problem.textContent = say('thinking');
    answer(await (await room.send('POST', 'hear', file)).json());
  }

  function trouble(error) {
    problem.textContent = error instanceof DOMException ? say('noMicrophone') : reason(error);
  }

  function answer(found) {
    const near = found.candidates.map((person) => at(person.id)).filter(Boolean);
    if (found.decision === 'call') return confirm(at(found.contact.id), near.slice(1));
    if (found.decision === 'emergency') return emergency(found.number);
    if (near.length) return choose(near);
    return home(say('none'));
  }

  function again() {
    return button(say('again'), 'plain wide-plain', async () => home(), problem);
  }

  /** One person, read back; the green button is a link that the phone itself dials. */
  function confirm(person, others) {
    problem.textContent = '';
    const yes = node('a', { class: 'yes', id: 'yes', href: 'tel:' + person.number.replace(/[^\d+*#]/g, ''), text: say('call') });
    place.replaceChildren(
      problem,
      node('div', { class: 'one' }, [
        face(room, person),
        node('p', { class: 'who', text: shown(person) }),
        node('p', { class: 'asked', text: say('ask', { who: isChinese() ? shown(person).replace(' ', '') : shown(person) }) }),
        yes,
        button(say('wrong'), 'no', async () => home(), problem),
        button(say('notHim'), 'plain wide-plain', async () => choose(others.length ? others : told.contacts.filter((one) => one !== person)), problem),
      ]),
    );
    yes.focus();
    readBack(person);
  }

  function readBack(person) {
    if (person.voice) {
      new Audio(room.base + 'contacts/' + person.id + '/voice').play().catch(() => undefined); // a muted phone shows it all the same
    } else if (window.speechSynthesis) {
      const words = new SpeechSynthesisUtterance(say('ask', { who: shown(person) }));
      words.lang = isChinese() ? 'zh-CN' : 'en';
      speechSynthesis.cancel();
      speechSynthesis.speak(words);
    }
  }

  /** Photos to choose from: of one who is chosen, the same question follows. */
  function choose(people) {
    problem.textContent = '';
    place.replaceChildren(
      problem,
      node('p', { class: 'who', text: say('which') }),
      node('div', { class: 'three' }, people.map((person) =>
        node('button', { type: 'button', onclick: () => confirm(person, people.filter((one) => one !== person)) }, [face(room, person), shown(person)]),
      )),
      again(),
    );
  }

  /** 110, 119, 120: a tap asks, a second one dials. */
  function emergency(number) {
    problem.textContent = '';
    const ask = node('button', { class: 'no', id: 'urgent', type: 'button', text: say('emergency', { number }) });
    ask.addEventListener('click', () => {
      const yes = node('a', { class: 'no', id: 'yes', href: 'tel:' + number, text: say('emergencyAsk', { number }) });
      ask.replaceWith(yes);
      yes.focus();
    });
    place.replaceChildren(problem, node('div', { class: 'one' }, [node('p', { class: 'who', text: number }), ask, again()]));
  }
}
