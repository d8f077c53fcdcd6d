// What the pages of the apps share: words, nodes, requests, links, files.

export const WORDS = {
  zh: {
    other: 'English', back: '回到对话', shelf: '应用', all: '所有应用', lead: '每个应用是一张小表：填好，按一下。也可以自己做一个。',
    find: '找应用', make: '新的应用', none: '没有找到。', run: '开始', again: '再来一次', stop: '停下', busy: '正在写…', copy: '复制', copied: '已复制',
    file: '给别人用（.md 文件）', qr: '二维码', remove: '删除', removeSure: '真的删除？', optional: '（可不填）', yes: '是', no: '否',
    may: '它可以：', program: '带有一小段程序，关在沙箱里运行：读不了文件，上不了网。', refused: '它还要过这些，这里一概不给：{list}', by: '作者：{name}',
    needs: '说明：{text}', notice: '提醒：{text}', checkAgain: '检查没通过，正在重写：{text}', problem: '检查还有一处没通过：{text}', offline: '联系不上服务器。请看看它是否还开着。',
    open: '打开一个应用文件', keep: '存成 {kind}', kinds: '分类', allKinds: '全部', star: '收藏“{name}”', noBlocks: '带程序的应用还不能用：在服务器上运行 pip install \'huozhong[apps]\'。',
  },
  en: {
    other: '中文', back: 'Back to the chat', shelf: 'Apps', all: 'All apps', lead: 'Each app is a small form: fill it in, press once. You can make one, too.',
    find: 'Find an app', make: 'New app', none: 'Nothing found.', run: 'Go', again: 'Once more', stop: 'Stop', busy: 'Writing…', copy: 'Copy', copied: 'Copied',
    file: 'Hand it on (.md file)', qr: 'QR code', remove: 'Remove', removeSure: 'Really remove?', optional: ' (optional)', yes: 'Yes', no: 'No',
    may: 'It may:', program: 'It has a small program, which runs in a sandbox: no files, no network.', refused: 'It asked for these too, and gets none of them here: {list}', by: 'By {name}',
    needs: 'Note: {text}', notice: 'Please note: {text}', checkAgain: 'A check failed, it is written anew: {text}', problem: 'One check still fails: {text}', offline: 'The server cannot be reached. Is it still running?',
    open: 'Open an app\'s file', keep: 'Keep as {kind}', kinds: 'Kinds', allKinds: 'All', star: 'Favourite: {name}', noBlocks: 'Apps with a program cannot run yet: pip install \'huozhong[apps]\' on the server.',
  },
};

export const root = document.documentElement;
const key = (/[#&]key=([^&]*)/.exec(location.hash) || [])[1];
export const main = document.getElementById('main');

export function language() {
  return /^zh/i.test(root.lang) ? 'zh' : 'en';
}

export function say(name, values) {
  let text = WORDS[language()][name];
  Object.keys(values || {}).forEach((one) => {
    text = text.replace('{' + one + '}', () => values[one]);
  });
  return text;
}

export function node(tag, attributes, children) {
  const made = document.createElement(tag);
  Object.keys(attributes || {}).forEach((name) => {
    const value = attributes[name];
    if (name === 'text') made.textContent = value;
    else if (name.slice(0, 2) === 'on') made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  });
  (children || []).forEach((child) => child && made.appendChild(typeof child === 'string' ? document.createTextNode(child) : child));
  return made;
}

function headers() {
  return Object.assign({ 'Content-Type': 'application/json', 'Accept-Language': root.lang }, key ? { Authorization: 'Bearer ' + decodeURIComponent(key) } : {});
}

export async function ask(method, path, body, signal) {
  let response;
  try {
    response = await fetch('/house/apps' + path, { method, headers: headers(), body: body ? JSON.stringify(body) : undefined, signal });
  } catch (error) {
    throw new Error(signal && signal.aborted ? '' : say('offline'));
  }
  if (response.status === 401) location.href = '/page/login.html';
  if (!response.ok) {
    const failure = await response.json().catch(() => ({}));
    throw new Error((failure.error && failure.error.message) || 'HTTP ' + response.status);
  }
  return response;
}

export function put(...parts) {
  main.replaceChildren(...parts.filter(Boolean));
}

export function titleOf(app) {
  return (app.titles && app.titles[language()]) || app.name;
}

export function goTo(query) {
  history.pushState(null, '', location.pathname + query + location.hash);
  window.dispatchEvent(new PopStateEvent('popstate'));
}

export function about(app) {
  return (app.about && app.about[language()]) || app.description || '';
}

export function link(query, attributes, children) {
  return node('a', Object.assign({ href: location.pathname + query + location.hash, onclick: (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    goTo(query);
  } }, attributes), children);
}

/** Puts a text on the clipboard, also where the page came by plain http; says whether it is there. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    const box = node('textarea', { readonly: true });
    box.value = text;
    document.body.appendChild(box);
    box.select();
    const done = document.execCommand('copy');
    box.remove();
    return done;
  }
}

/** Hands a text to the browser as a file. */
export function save(name, text, type) {
  const href = URL.createObjectURL(new Blob([text], { type: type || 'text/markdown' }));
  const go = node('a', { href, download: name });
  document.body.appendChild(go);
  go.click();
  go.remove();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}
