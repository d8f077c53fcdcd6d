// The settings popover.

import { t } from './i18n.js';
import { DEFAULTS, saveSettings } from './store.js';

const $ = (id) => document.getElementById(id);

/** `settings` is changed in place; modelTemperature() is the model's own; returns {isOpen(), close()}. */
export function bindSettings(settings, modelTemperature) {
  const panel = $('settings');
  const button = $('settings-button');

  function show() {
    $('set-thinking').checked = settings.thinking;
    $('set-system').value = settings.system;
    showTemperature();
  }

  function showTemperature() {
    const chosen = settings.temperature !== null;
    const value = chosen ? settings.temperature : modelTemperature();
    $('set-temperature').value = value;
    $('temperature-value').textContent = value.toFixed(1) + (chosen ? '' : ' · ' + t('modelDefault'));
  }

  function change(values) {
    Object.assign(settings, values);
    showTemperature();
    saveSettings(settings);
  }

  function open() {
    show();
    panel.hidden = false;
    button.setAttribute('aria-expanded', 'true');
    $('set-thinking').focus();
  }

  function close() {
    if (panel.hidden) return;
    const inside = panel.contains(document.activeElement);
    panel.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    if (inside) button.focus();
  }

  button.addEventListener('click', () => (panel.hidden ? open() : close()));
  $('settings-close').addEventListener('click', close);
  $('set-thinking').addEventListener('change', (event) => change({ thinking: event.target.checked }));
  $('set-temperature').addEventListener('input', (event) => change({ temperature: Number(event.target.value) }));
  $('set-system').addEventListener('input', (event) => change({ system: event.target.value }));
  $('set-reset').addEventListener('click', () => {
    change(DEFAULTS);
    show();
  });
  document.addEventListener('mousedown', (event) => {
    if (!panel.contains(event.target) && !button.contains(event.target)) close();
  });
  return { isOpen: () => !panel.hidden, close };
}
