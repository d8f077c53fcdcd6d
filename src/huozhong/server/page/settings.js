// The settings panel: of the conversation that is open, or of the one that comes next.

import { $, bindPanel } from './dom.js';
import { t } from './i18n.js';
import { DEFAULTS, settingsFrom, write } from './kept.js';

const SAVE_DELAY = 400; // ms after the last key

/** chat: {settings(), isNew(), change(values, delay in ms), modelTemperature(), about()}; returns the panel's layer. */
export function bindSettings(chat) {
  function show() {
    const settings = chat.settings();
    $('set-thinking').checked = settings.thinking;
    $('set-system').value = settings.system;
    $('settings-scope').textContent = t(chat.isNew() ? 'scopeNew' : 'scopeThis');
    $('about').textContent = chat.about();
    showTemperature();
    // What a house without tools of others never needs comes only where somebody looks for it.
    import('./foreign.js').then((foreign) => foreign.showServers($('set-tools'), chat)).catch(() => { $('set-tools').textContent = ''; });
  }

  function showTemperature() {
    const { temperature } = chat.settings();
    const chosen = temperature !== null;
    const value = chosen ? temperature : chat.modelTemperature();
    $('set-temperature').value = value;
    $('temperature-value').textContent = value.toFixed(1) + (chosen ? '' : ' · ' + t('modelDefault'));
  }

  function change(values, delay) {
    chat.change(values, delay);
    showTemperature();
  }

  $('set-thinking').addEventListener('change', (event) => change({ thinking: event.target.checked }, 0));
  $('set-temperature').addEventListener('input', (event) => change({ temperature: Number(event.target.value) }, SAVE_DELAY));
  $('set-system').addEventListener('input', (event) => change({ system: event.target.value }, SAVE_DELAY));
  // Who leaves a field has done with it, and may ask at once.
  $('set-temperature').addEventListener('change', (event) => change({ temperature: Number(event.target.value) }, 0));
  $('set-system').addEventListener('change', (event) => change({ system: event.target.value }, 0));
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
