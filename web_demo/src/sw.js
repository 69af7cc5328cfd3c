// Keeps the page for use without a connection. The build puts the list of files and their version in.

const VERSION = __VERSION__;
const FILES = __FILES__;
// Caches belong to the whole origin, where other pages may live: ours begin with our folder. No address holds a space.
const OURS = `${self.registration.scope} `;
const SHELL = `${OURS}shell-${VERSION}`;
const MODEL = `${OURS}model`;
const SLOW_MS = 3000; // a network that answers later than this counts as none

const address = (path) => new URL(path, self.registration.scope).href;
const LIST = address("bundle/bundle.json");
const others = new Set(); // clients whose page came from the network and isn't the kept one

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (url.href === LIST) event.respondWith(newest(event));
  else if (url.href.startsWith(address("bundle/"))) event.respondWith(kept(request));
  else event.respondWith(shell(event));
});

async function install() {
  const cache = await caches.open(SHELL);
  await cache.addAll(FILES.map((path) => new Request(address(path), { cache: "no-cache" })));
  const listed = await fetch(LIST, { cache: "no-cache" });
  if (listed.ok) await keepModel(listed);
  // The next visit gets the new version, not the one after all pages are closed; a page that is open has its scripts.
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(OURS) && name !== SHELL && name !== MODEL) await caches.delete(name);
  }
  await prune();
  await self.clients.claim();
}

/** The files of a bundle that the page reads, under the addresses that it asks for (src/bundle.js). */
function filesOf(info) {
  const names = [info.default, "reference.json", "reference.wav", "model_card.md", "LICENSE.md", "NOTICE.md"];
  const listed = names.filter((name) => info.files[name]);
  return listed.map((name) => address(`bundle/${name}?sha256=${info.files[name].sha256}`));
}

/** Keeps a bundle. Its bundle.json comes last: whatever breaks off before, the one that is kept is whole. */
async function keepModel(listed) {
  const cache = await caches.open(MODEL);
  const missing = [];
  for (const file of filesOf(await listed.clone().json())) if (!(await cache.match(file))) missing.push(file);
  await cache.addAll(missing);
  await cache.put(LIST, listed);
  await prune();
}

/** Deletes what the kept bundle.json doesn't name. */
async function prune() {
  const cache = await caches.open(MODEL);
  const listed = await cache.match(LIST);
  if (!listed) return;
  const named = new Set([LIST, ...filesOf(await listed.json())]);
  for (const { url } of await cache.keys()) if (!named.has(url)) await cache.delete(url);
}

/** The network's answer; null where it is late and something else is there, or where there is no network. */
async function fromNetwork(request, held) {
  const late = new Promise((resolve) => held && setTimeout(resolve, SLOW_MS, null));
  try {
    return await Promise.race([fetch(request), late]);
  } catch (error) {
    if (!held) throw error;
    return null;
  }
}

/**
 * A page: the network's where it is quick enough. On an address such as localhost:8000 something else may be served by
 * now, or a newer version; neither must get our files in place of its own.
 */
async function page(event) {
  const cache = await caches.open(SHELL);
  const held = (await cache.match(event.request, { ignoreSearch: true })) ?? (await cache.match(address("./")));
  const response = await fromNetwork(event.request, held);
  if (!response || (held && response.status >= 500)) return held;
  const text = /^text\//.test(response.headers.get("Content-Type"));
  const same = held && text && (await response.clone().text()) === (await held.clone().text());
  if (!same && event.resultingClientId) others.add(event.resultingClientId);
  return response;
}

/** The newest bundle.json; another one than before is kept together with its files. */
async function newest(event) {
  const cache = await caches.open(MODEL);
  const held = await cache.match(LIST);
  const response = await fromNetwork(event.request, held);
  if (!response?.ok) return held ?? response;
  if ((await response.clone().text()) !== (await held?.clone().text())) {
    event.waitUntil(keepModel(response.clone()).catch(() => {})); // the one before stays
  }
  return response;
}

/** A file of a bundle: its checksum is in its address, so what is kept can't be of another bundle. */
async function kept(request) {
  const cache = await caches.open(MODEL);
  const held = request.cache === "reload" ? null : await cache.match(request);
  if (held) return held;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone()); // what it takes the place of goes with its bundle.json
  return response;
}

async function shell(event) {
  const cache = await caches.open(SHELL);
  const held = await cache.match(event.request, { ignoreSearch: true });
  if (!others.has(event.clientId)) return held ?? fetch(event.request);
  if (event.resultingClientId) others.add(event.resultingClientId); // a worker of that page
  return (await fromNetwork(event.request, held)) ?? held;
}
