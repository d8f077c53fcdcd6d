// Reading aloud and dictating, only where the browser does it by itself on this machine: nothing said here may leave it.

import { label } from './i18n.js';

const LONGEST_PIECE = 160; // characters; some browsers fall silent in the middle of a long text
const speech = window.speechSynthesis;
let speaking = null; // the button whose answer is being read
let saying = []; // its pieces

/** The machine's own voices for a language; voices that a service on the internet speaks are left out. */
function voicesFor(language) {
  return speech.getVoices().filter((voice) => voice.localService && voice.lang.slice(0, 2).toLowerCase() === language);
}

export function canSpeak() {
  return Boolean(speech) && speech.getVoices().some((voice) => voice.localService);
}

/** Calls `changed` when the browser has found its voices. */
export function whenVoices(changed) {
  if (speech && speech.addEventListener) speech.addEventListener('voiceschanged', changed);
}

function pieces(text) {
  const found = [];
  (text.match(/[^。！？.!?\n]+[。！？.!?\n]*/g) || []).forEach((sentence) => {
    for (let at = 0; at < sentence.length; at += LONGEST_PIECE) {
      const piece = sentence.slice(at, at + LONGEST_PIECE).trim();
      if (piece) found.push(piece);
    }
  });
  return found;
}

function stopSpeaking() {
  if (!speaking) return;
  label(speaking, 'readAloud');
  speaking.setAttribute('aria-pressed', 'false');
  speaking = null;
  saying.forEach((one) => {
    one.onend = one.onerror = null; // what is broken off ends late, perhaps when it is read once more
  });
  saying = [];
  speech.cancel();
}

/** Reads the text of `node` aloud, or stops where it is being read. */
export function speak(button, node) {
  const again = speaking === button;
  stopSpeaking();
  if (again) return;
  speaking = button;
  label(button, 'stopReading');
  button.setAttribute('aria-pressed', 'true');
  let language = 'zh';
  const said = pieces(node.innerText).map((text) => {
    // What has no letters, such as a number in a list, is read in the language around it.
    if (/[\u3400-\u9fff]/.test(text)) language = 'zh';
    else if (/[a-z]/i.test(text)) language = 'en';
    const one = new SpeechSynthesisUtterance(text);
    one.lang = language === 'zh' ? 'zh-CN' : 'en-US';
    const voices = voicesFor(language);
    one.voice = voices.find((voice) => voice.lang === one.lang) || voices[0] || null;
    return one;
  }).filter((one) => one.voice); // what this machine has no voice for is left out
  const over = () => speaking === button && stopSpeaking();
  if (!said.length) {
    over();
    return;
  }
  saying = said;
  said[said.length - 1].onend = over;
  said.forEach((one) => {
    one.onerror = over;
    speech.speak(one);
  });
}

/**
 * Shows the microphone where speech is recognised on this machine.  hear() is called when somebody begins to speak, and
 * returns what gets the text; language() says in which language.
 */
export async function bindDictation(button, language, hear) {
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  // Without `available`, recognition is a service on the internet.
  if (!Recognition || !Recognition.available) return;
  const options = () => ({ langs: [language() === 'en' ? 'en-US' : 'zh-CN'], processLocally: true });
  const state = await Recognition.available(options()).catch(() => 'unavailable');
  if (state !== 'available') return;
  button.hidden = false;
  let running = null;
  button.addEventListener('click', () => {
    if (running) {
      running.stop();
      return;
    }
    const heard = hear();
    running = new Recognition();
    running.lang = options().langs[0];
    running.processLocally = true;
    running.onresult = (event) => {
      heard(Array.from(event.results).map((result) => result[0].transcript).join(''));
    };
    running.onend = () => {
      running = null;
      button.setAttribute('aria-pressed', 'false');
      label(button, 'dictate');
    };
    button.setAttribute('aria-pressed', 'true');
    label(button, 'stopDictating');
    running.start();
  });
}
