// Keeps the page for use without a connection. The build puts the list of files and their version in.

const VERSION = __VERSION__;
const FILES = __FILES__;
const SHELL = `shell-${VERSION}`;
const MODEL = "model";
const SLOW_MS = 3000; // a network that answers later than this counts as none

const address = (path) => new URL(path, self.registration.scope).href;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.href === address("bundle/bundle.json")) event.respondWith(newest(request));
  else if (url.href.startsWith(address("bundle/"))) event.respondWith(kept(request));
  else event.respondWith(shell(request));
});

async function install() {
  const cache = await caches.open(SHELL);
  await cache.addAll(FILES.map((path) => new Request(address(path), { cache: "no-cache" })));
  await keepModel();
  // The next visit gets the new version, not the one after all pages are closed; a page that is open has its scripts.
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name !== SHELL && name !== MODEL) await caches.delete(name);
  await self.clients.claim();
}

/** The files of the bundle that the page reads, under the addresses that it asks for (src/bundle.js). */
async function keepModel() {
  const cache = await caches.open(MODEL);
  const listed = await fetch(address("bundle/bundle.json"), { cache: "no-cache" });
  if (!listed.ok) return;
  const info = await listed.clone().json();
  const names = [info.default, "reference.json", "reference.wav", "model_card.md"].filter((n) => info.files[n]);
  await cache.addAll(names.map((name) => address(`bundle/${name}?sha256=${info.files[name].sha256}`)));
  await cache.put(address("bundle/bundle.json"), listed);
}

/** The network's answer where it is quick enough, and the kept one otherwise. */
async function newest(request) {
  const cache = await caches.open(MODEL);
  const held = await cache.match(request);
  const late = new Promise((resolve) => setTimeout(resolve, held ? SLOW_MS : 600_000));
  try {
    const response = await Promise.race([fetch(request), late]);
    if (response?.ok) {
      await cache.put(request, response.clone());
      return response;
    }
    if (response && !held) return response;
  } catch (error) {
    if (!held) throw error;
  }
  return held;
}

/** A file of a bundle: its checksum is in its address, so what is kept can't be of another bundle. */
async function kept(request) {
  const cache = await caches.open(MODEL);
  const held = request.cache === "reload" ? null : await cache.match(request);
  if (held) return held;
  const response = await fetch(request);
  if (response.ok) {
    const path = new URL(request.url).pathname;
    for (const old of await cache.keys()) if (new URL(old.url).pathname === path) await cache.delete(old);
    await cache.put(request, response.clone());
  }
  return response;
}

async function shell(request) {
  const cache = await caches.open(SHELL);
  const held = await cache.match(request.mode === "navigate" ? address("./") : request, { ignoreSearch: true });
  return held ?? fetch(request);
}
