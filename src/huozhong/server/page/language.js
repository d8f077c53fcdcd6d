// Which language the reader has.  The server decides (what was chosen on the page, the person's own, the browser's) and
// writes it into <html lang>; what is chosen here is told to it by a cookie.

const LOCALES = { zh: 'zh-CN', 'zh-Hant': 'zh-Hant', en: 'en' };

/** 'zh' | 'zh-Hant' | 'en' */
export function language() {
  const { lang } = document.documentElement;
  return lang === 'en' ? 'en' : lang === 'zh-Hant' ? 'zh-Hant' : 'zh';
}

export function isChinese() {
  return language() !== 'en';
}

export function setLanguage(name) {
  document.documentElement.lang = LOCALES[name];
  document.cookie = 'language=' + name + '; path=/; max-age=31536000; SameSite=Strict';
}

/** Of a message in both languages, with " / " between, the reader's. */
export function own(message) {
  const at = message.indexOf(' / ');
  if (at < 0 || !/[\u3000-\u9fff]/.test(message.slice(0, at))) return message;
  return isChinese() ? message.slice(0, at) : message.slice(at + 3);
}
