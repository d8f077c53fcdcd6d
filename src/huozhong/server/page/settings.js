// The settings panel: of the conversation that is open, or of the one that comes next.  It is fetched when it is first
// opened.

import { $, bindPanel } from './dom.js';
import { t } from './i18n.js';
import { DEFAULTS, settingsFrom, write } from './kept.js';

const SAVE_DELAY = 400; // ms after the last key
const LONGEST = 1000000; // tokens; the model's context ends an answer long before

/** chat: {settings(), isNew(), change(values, delay in ms), modelTemperature(), about()}; returns the panel's layer. */
export function bindSettings(chat) {
  function show() {
    const settings = chat.settings();
    $('set-thinking').checked = settings.thinking;
    $('set-system').value = settings.system;
    $('settings-scope').textContent = t(chat.isNew() ? 'scopeNew' : 'scopeThis');
    $('about').textContent = chat.about();
    $('set-length').value = settings.max_tokens === null ? '' : settings.max_tokens;
    showSampling();
    // What a house without tools of others never needs comes only where somebody looks for it.
    import('./foreign.js').then((foreign) => foreign.showServers($('set-tools'), chat)).catch(() => { $('set-tools').textContent = ''; });
  }

  function showSampling() {
    const { temperature, top_p } = chat.settings();
    const isChosen = temperature !== null;
    const value = isChosen ? temperature : chat.modelTemperature();
    $('set-temperature').value = value;
    $('temperature-value').textContent = value.toFixed(1) + (isChosen ? '' : ' · ' + t('modelDefault'));
    $('set-top-p').value = top_p === null ? 1 : top_p;
    $('top-p-value').textContent = top_p === null ? t('modelDefault') : top_p.toFixed(2);
  }

  function change(values, delay) {
    chat.change(values, delay);
    showSampling();
  }

  /** A field of the panel is a setting; who leaves it has done with it, and may ask at once. */
  function bind(id, name, valueOf) {
    $(id).addEventListener('input', (event) => change({ [name]: valueOf(event.target.value) }, SAVE_DELAY));
    $(id).addEventListener('change', (event) => change({ [name]: valueOf(event.target.value) }, 0));
  }

  function lengthOf(text) {
    const length = Math.floor(Number(text));
    return length > 0 ? Math.min(length, LONGEST) : null;
  }

  $('set-thinking').addEventListener('change', (event) => change({ thinking: event.target.checked }, 0));
  bind('set-temperature', 'temperature', Number);
  bind('set-top-p', 'top_p', Number);
  bind('set-length', 'max_tokens', lengthOf);
  bind('set-system', 'system', String);
  $('set-reset').addEventListener('click', () => {
    change(DEFAULTS, 0);
    show();
  });
  $('set-default').addEventListener('click', () => {
    write('settings', JSON.stringify(settingsFrom(chat.settings())));
    $('settings-scope').textContent = t('usedAlways');
  });
  return bindPanel($('settings'), $('settings-button'), $('settings-close'), show, () => $('set-thinking'));
}
