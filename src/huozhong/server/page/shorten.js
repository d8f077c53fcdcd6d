// Texts that are longer than the model can read: what of them fits.

import { ask } from './api.js';
import { element, textButton } from './dom.js';
import { t } from './i18n.js';

const FOR_ANSWER = 0.35; // of the context, for the answer and what else the model is told
const END = 300; // characters of the end that stay: the question often stands there
const TRIES = 6;

async function tokensOf(text) {
  return (await ask('POST', '/tokenize', { content: text, parse_special: false })).tokens.length;
}

/** The text, or its beginning and end with a line that says how much is missing. */
function cut(text, length) {
  if (length >= text.length) return text;
  const end = Math.min(END, Math.floor(length / 4));
  return text.slice(0, length - end) + '\n' + t('leftOut', { count: text.length - length }) + '\n' + text.slice(text.length - end);
}

/** {text}: as much of the text as a model with `context` tokens can read and answer. */
export async function fitText(text, context) {
  const most = Math.floor(context * (1 - FOR_ANSWER));
  let length = text.length;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const shorter = cut(text, length);
    const count = await tokensOf(shorter);
    if (count <= most) return { text: shorter };
    length = Math.floor(length * Math.min(0.95, (0.97 * most) / count));
  }
  return { text: cut(text, Math.floor(length / 2)) };
}

/**
 * Fills `box` with what can be done with a text that a model with `context` tokens cannot read whole; resolves to
 * whether it is one.  on: {kept(), file(File), shortened(text)}, after the box is gone again.
 */
export async function offerShorter(box, text, context, on) {
  const fit = await fitText(text, context).catch(() => null); // the server will say what it thinks of it
  if (!fit || fit.text === text) return false;
  box.textContent = t('tooLong', { count: text.length, most: fit.text.length });
  const row = box.appendChild(element('div', 'actions'));
  const button = (key, className, act) => row.appendChild(textButton(key, className, () => {
    box.hidden = true;
    act();
  }));
  button('cancel', '', on.kept);
  button('asFile', '', () => on.file(new File([text], t('textFile'), { type: 'text/plain' })));
  button('shorten', 'strong', () => on.shortened(fit.text));
  box.hidden = false;
  row.lastChild.focus();
  return true;
}
