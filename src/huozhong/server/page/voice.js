// Reading aloud and dictating, only where the browser does it by itself on this machine: nothing said here may leave it.

import { label } from './i18n.js';

const LONGEST_PIECE = 160; // characters; some browsers fall silent in the middle of a long text
const speech = window.speechSynthesis;
let speaking = null; // the button whose answer is being read

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
  const texts = pieces(node.innerText);
  texts.forEach((text, index) => {
    const language = /[\u3400-\u9fff]/.test(text) ? 'zh' : 'en';
    const said = new SpeechSynthesisUtterance(text);
    const voices = voicesFor(language);
    said.lang = language === 'zh' ? 'zh-CN' : 'en-US';
    said.voice = voices.find((voice) => voice.lang === said.lang) || voices[0] || null;
    if (!said.voice) return; // no voice of this machine's for it
    said.onend = () => {
      if (index === texts.length - 1 && speaking === button) stopSpeaking();
    };
    speech.speak(said);
  });
  if (!texts.length) stopSpeaking();
}

/**
 * Shows the microphone where speech is recognised on this machine.  heard(text) gets what was said; language() says
 * in which language.
 */
export async function bindDictation(button, language, heard) {
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
