/* Keeps the app itself, so that it opens without a network. Never what the API answers: that lives in IndexedDB, marked with its time. */
const FILES = __PRECACHED__;
// The names of what was built carry its hashes.
const CACHE = `fieldline-${hash(FILES.join())}`;

function hash(text) {
  let sum = 5381;
  for (let at = 0; at < text.length; at++) sum = (Math.imul(sum, 33) ^ text.charCodeAt(at)) >>> 0;
  return sum.toString(36);
}

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const old = caches
    .keys()
    .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || /^\/(v1|ws|_local)(\/|$)/.test(url.pathname))
    return;
  event.respondWith(request.mode === "navigate" ? page(request) : file(request, url));
});

/* The network first: a deployment is seen at the next load. */
async function page(request) {
  try {
    const answer = await fetch(request);
    // Not a file that somebody opened by itself.
    if (answer.ok && answer.headers.get("Content-Type")?.startsWith("text/html"))
      (await caches.open(CACHE)).put("/", answer.clone());
    return answer;
  } catch (error) {
    const kept = await caches.match("/");
    if (kept) return kept;
    throw error;
  }
}

async function file(request, url) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && url.pathname.startsWith("/assets/")) (await caches.open(CACHE)).put(request, answer.clone());
  return answer;
}
