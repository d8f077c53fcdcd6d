// Keeps the page, and the conversations that were opened on this device, so that they can be read while the server is
// off.  The server writes the version and the list of files; any changed file is a new version.  Everything is asked
// of the server first.  What is kept of conversations goes when nobody, or somebody else, is logged in.

const VERSION = '@version@';
const FILES = ['@files@'];
const SHELL = 'huozhong-' + VERSION;
const CHATS = 'huozhong-chats';
const MOST_CHATS = 300;
let cleared = 0; // how often all conversations were forgotten: what was asked for before is not kept after it

self.addEventListener('install', (event) => {
  const requests = ['/'].concat(FILES).map((path) => new Request(path, { cache: 'no-cache', credentials: 'same-origin' }));
  event.waitUntil(
    caches.open(SHELL).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting())
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL && name !== CHATS).map((name) => caches.delete(name))))
      .then(() => self.clients.claim())
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'forget') event.waitUntil(forgetAll());
});

function forgetAll() {
  cleared += 1;
  return caches.delete(CHATS);
}

function isChat(url) {
  return /^\/house\/(?:me|conversations|conversations\/[\w-]+(?:\/html)?)$/.test(url.pathname) && !/[?&]search=/.test(url.search);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method !== 'GET') {
    const clears = /^\/house\/(?:logout|login|join|clear)$/.test(url.pathname);
    const one = /^\/house\/conversations\/[\w-]+$/.exec(url.pathname);
    if (clears) event.waitUntil(forgetAll());
    else if (one && request.method === 'DELETE') event.waitUntil(forget(one[0]));
    return;
  }
  if (isChat(url)) event.respondWith(chats(event, request, url));
  else if (url.pathname === '/page/info') event.respondWith(online(event, request, CHATS, url.pathname));
  else if (url.pathname === '/' || FILES.indexOf(url.pathname) >= 0) event.respondWith(online(event, request, SHELL, url.pathname));
});

/** From the server, kept under `key`; from what is kept where the server cannot be reached. */
async function online(event, request, name, key) {
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(name)).match(key);
    if (kept) return kept;
    throw error;
  }
  if (response.ok && !response.redirected) {
    const copy = response.clone();
    event.waitUntil(caches.open(name).then((cache) => cache.put(key, copy)));
  }
  return response;
}

async function chats(event, request, url) {
  const key = url.pathname + url.search;
  const before = cleared;
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    // Who looks whether something has changed is not told what was.
    const kept = request.cache === 'no-store' ? null : await (await caches.open(CHATS)).match(key);
    if (kept) return kept;
    throw error;
  }
  if (response.status === 401 || response.status === 403) {
    event.waitUntil(forgetAll());
  } else if (response.status === 404) {
    event.waitUntil(forget(key));
  } else if (response.ok) {
    event.waitUntil(keep(key, response.clone(), before));
  }
  return response;
}

async function keep(key, response, before) {
  if (before !== cleared) return;
  if (key === '/house/me') await forgetOthers(response.clone());
  const cache = await caches.open(CHATS);
  await cache.put(key, response);
  if (before !== cleared) await cache.delete(key);
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST_CHATS))) await cache.delete(old);
}

async function forget(path) {
  const cache = await caches.open(CHATS);
  await cache.delete(path);
  await cache.delete(path + '/html');
}

/** Another person than the one whose conversations are kept: they go. */
async function forgetOthers(response) {
  const kept = await (await caches.open(CHATS)).match('/house/me');
  if (!kept) return;
  const [before, now] = await Promise.all([kept.json(), response.json()]);
  if (before.person.id !== now.person.id) await caches.delete(CHATS);
}
