/** Copies a text.  Plain http on a school's network has no navigator.clipboard: the old command does it there. */
export function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  const focused = document.activeElement;
  document.body.appendChild(area).select();
  const copied = document.execCommand('copy');
  area.remove();
  if (focused) focused.focus();
  return copied ? Promise.resolve() : Promise.reject(new Error('copy'));
}
