// What the pages of the apps share: words, requests, links, files.

import { send } from './api.js';
import { inOwn } from './hant.js';
import { $, node, sayer } from './house.js';

export const WORDS = {
  zh: {
    shelf: '应用', all: '所有应用', room: '打开它的页面', lead: '每个应用是一张小表：填好，按一下。也可以自己做一个。',
    find: '找应用', make: '新的应用', none: '没有找到。', run: '开始', again: '再来一次', stop: '停下', busy: '正在写…',
    file: '给别人用（.md 文件）', qr: '二维码', optional: '（可不填）', unit: '（{unit}）', yes: '是', no: '否',
    may: '它可以：', program: '带有一小段程序，关在沙箱里运行：读不了文件，上不了网。', refused: '它还要过这些，这里一概不给：{list}', by: '作者：{name}',
    needs: '说明：{text}', notice: '提醒：{text}', checkAgain: '检查没通过，正在重写：{text}', problem: '检查还有一处没通过：{text}',
    tallies: '哪一步容易错',
    open: '打开一个应用文件', keep: '存成 {kind}', kinds: '分类', allKinds: '全部', star: '收藏“{name}”', chooseFile: '选一个文件', takePhoto: '拍一张文字的照片', reading: '正在读照片里的字…', wasRead: '读出来了，请先看一遍，不对的改过来。', orType: '也可以把字打在框里。', noEars: '这里还听不懂录音：请把话打在框里。', noBlocks: '带程序的应用还不能用：在服务器上运行 pip install \'huozhong[apps]\'。',
  },
  en: {
    shelf: 'Apps', all: 'All apps', room: 'Open its page', lead: 'Each app is a small form: fill it in, press once. You can make one, too.',
    find: 'Find an app', make: 'New app', none: 'Nothing found.', run: 'Go', again: 'Once more', stop: 'Stop', busy: 'Writing…',
    file: 'Hand it on (.md file)', qr: 'QR code', optional: ' (optional)', unit: ' ({unit})', yes: 'Yes', no: 'No',
    may: 'It may:', program: 'It has a small program, which runs in a sandbox: no files, no network.', refused: 'It asked for these too, and gets none of them here: {list}', by: 'By {name}',
    needs: 'Note: {text}', notice: 'Please note: {text}', checkAgain: 'A check failed, it is written anew: {text}', problem: 'One check still fails: {text}',
    tallies: 'Which steps go wrong',
    open: 'Open an app\'s file', keep: 'Keep as {kind}', kinds: 'Kinds', allKinds: 'All', star: 'Favourite: {name}', chooseFile: 'Choose a file', takePhoto: 'Take a photo of the text', reading: 'Reading the photo…', wasRead: 'It was read: look it over first, and mend what is wrong.', orType: 'You can also type it into the box.', noEars: 'Recordings are not understood here yet: type the words into the box.', noBlocks: 'Apps with a program cannot run yet: pip install \'huozhong[apps]\' on the server.',
  },
};

export const say = sayer(WORDS);
export const main = $('main');

export function request(method, path, body, signal) {
  return send(method, '/house/apps' + path, body, signal ? { signal } : {});
}

export async function get(path) {
  return (await request('GET', path)).json();
}

export function put(...parts) {
  main.replaceChildren(...parts.filter(Boolean));
}

export function titleOf(app) {
  return (app.titles && inOwn(app.titles)) || app.name;
}

export function goTo(query) {
  history.pushState(null, '', location.pathname + query + location.hash);
  window.dispatchEvent(new PopStateEvent('popstate'));
}

export function about(app) {
  return (app.about && inOwn(app.about)) || app.description || '';
}

export function link(query, attributes, children) {
  return node('a', Object.assign({ href: location.pathname + query + location.hash, onclick: (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    goTo(query);
  } }, attributes), children);
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
