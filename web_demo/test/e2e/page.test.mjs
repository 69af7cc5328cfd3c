// The built page in headless Chromium, with real audio as the microphone. `npm run build` first.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import * as harness from "../../tools/harness.mjs";
import { info, signal, vectors } from "../unit/vectors.mjs";

const TOLERANCE = 1e-4; // from Python's probabilities
let server;
before(async () => (server = await harness.serve()));
after(() => server.stop());

function assertOrigin(requests, url) {
  const { origin } = new URL(url);
  assert.ok(requests.length >= 8, `only ${requests.length} requests seen`);
  for (const request of requests) assert.ok(request.startsWith(`${origin}/`), `a request left the origin: ${request}`);
}

function assertNear(found, expected, tolerance = TOLERANCE) {
  assert.equal(found.length, expected.length);
  found.forEach((row, n) => {
    const off = Math.max(...row.map((p, i) => Math.abs(p - expected[n][i])));
    assert.ok(off <= tolerance, `window ${n} is off by ${off}`);
  });
}

/**
 * The large word is the newest moment's, and an emotion that most moments believe in. A microphone hears a file again
 * and again and cut anywhere, and where each window speaks for itself one of them may say something else.
 */
async function assertShown(page, emotion) {
  const [shown, beliefs] = await page.evaluate(() => [
    document.getElementById("emotion").textContent,
    window.told.moment.map(({ belief }) => belief),
  ]);
  const named = beliefs.map((belief) => info.classes[belief.indexOf(Math.max(...belief))]);
  assert.equal(shown, named.at(-1));
  assert.ok(named.filter((name) => name === emotion).length > named.length / 2, `${named} of ${emotion}`);
}

/** Runs a browser whose microphone hears a file for as long as the work takes. */
async function withMicrophone(wav, work) {
  const browser = await harness.launch(wav);
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}

describe("the microphone", () => {
  for (const name of ["03a05Wa.wav", "10b03Tb.wav"]) {
    test(`the page names what ser-keras predict names: ${name}`, async () => {
      const wav = await harness.utterance(name);
      const expected = await harness.predict(wav);
      await withMicrophone(wav, async (browser) => {
        const visit = await harness.visit(browser, server.url, { permissions: ["microphone"] });
        await visit.told("ready");
        await visit.page.locator("#start").focus();
        await visit.page.keyboard.press("Enter");
        await visit.told("moment", 5);
        await assertShown(visit.page, expected.emotion);
        await visit.page.keyboard.press("Enter"); // the button has kept the focus; it stops
        await visit.told("ready", 2);
        const moments = await visit.told("moment");
        assertNear(
          moments.map((m) => m.probabilities),
          await harness.probabilities(await visit.windows()),
        );
        assert.deepEqual(await visit.told("listening"), [{ rate: 16000 }]);
        assertOrigin(visit.requests, server.url);
        assert.deepEqual(visit.errors, []);
      });
    });
  }

  test("it is resampled where a context of 16 kHz is refused", async () => {
    const wav = await harness.utterance("03a05Wa.wav");
    const prepare = (page) =>
      page.addInitScript(() => {
        const Real = AudioContext;
        window.AudioContext = function (options) {
          if (options?.sampleRate) throw new DOMException("no such rate", "NotSupportedError");
          return new Real();
        };
      });
    await withMicrophone(wav, async (browser) => {
      const visit = await harness.visit(browser, server.url, { permissions: ["microphone"], prepare });
      await visit.told("ready");
      await visit.page.click("#start");
      const moments = await visit.told("moment", 4);
      assert.ok((await visit.told("listening"))[0].rate > 16000);
      await assertShown(visit.page, (await harness.predict(wav)).emotion);
      const windows = (await visit.windows()).slice(0, moments.length);
      assertNear(
        moments.map((m) => m.probabilities),
        await harness.probabilities(windows),
      );
    });
  });

  test("a double click on Stop stops, and nothing is left open", async () => {
    const prepare = (page) =>
      page.addInitScript(() => {
        window.tracks = [];
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (constraints) => {
          const stream = await real(constraints);
          window.tracks.push(...stream.getTracks());
          return stream;
        };
        const close = AudioContext.prototype.close; // slow, as on a phone
        AudioContext.prototype.close = async function () {
          await new Promise((resolve) => setTimeout(resolve, 300));
          return close.call(this);
        };
      });
    const wav = await harness.utterance("03a05Wa.wav");
    await withMicrophone(wav, async (browser) => {
      const visit = await harness.visit(browser, server.url, { permissions: ["microphone"], prepare });
      const { page } = visit;
      await visit.told("ready");
      await page.click("#start");
      await visit.told("moment", 2);
      await page.dblclick("#start");
      await page.evaluate(() => document.getElementById("start").click()); // and a third time, by a key
      await visit.told("ready", 2);
      await page.waitForTimeout(500);
      assert.equal(await page.textContent("#start"), "Start listening");
      assert.deepEqual(await page.evaluate(() => window.tracks.map((track) => track.readyState)), ["ended"]);
      const before = await page.evaluate(() => window.told.moment.length);
      await page.click("#start");
      await visit.told("listening", 2);
      const moments = await visit.told("moment", before + 1);
      assert.equal(moments[before].start, 0); // no moment of the earlier session
      assert.deepEqual(visit.errors, []);
    });
  });

  test("silence is no speech", () =>
    harness.inFolder(async (folder) => {
      const wav = path.join(folder, "silence.wav");
      await writeFile(wav, harness.wavOf(new Float32Array(16000 * 3)));
      await withMicrophone(wav, async (browser) => {
        const visit = await harness.visit(browser, server.url, { permissions: ["microphone"] });
        await visit.told("ready");
        await visit.page.click("#start");
        const [moment] = await visit.told("moment");
        assert.equal(moment.speech, false);
        assert.equal(await visit.page.textContent("#emotion"), "No speech");
      });
    }));
});

/** What the page has to meet; `before` runs in it before its own scripts. */
const refusals = {
  "permission-refused": {},
  "microphone-taken": {
    permissions: ["microphone"],
    before: () => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("Could not start audio source", "NotReadableError");
      };
    },
  },
  "microphone-lost": {
    permissions: ["microphone"],
    before: () => {
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        const stream = await real(constraints);
        // as if it were unplugged a little later
        setTimeout(() => stream.getAudioTracks()[0].dispatchEvent(new Event("ended")), 1500);
        return stream;
      };
    },
  },
  "no-microphone": { permissions: ["microphone"], microphone: false },
};

test("an insecure address says what to do", async () => {
  const browser = await harness.launch(null, ["--host-resolver-rules=MAP plain.test 127.0.0.1"]);
  try {
    const visit = await harness.visit(browser, server.url.replace("127.0.0.1", "plain.test"));
    const [problem] = await visit.told("problem");
    assert.equal(problem.kind, "insecure-page");
    assert.match(await visit.page.textContent("#problem-advice"), /https/);
  } finally {
    await browser.close();
  }
});

test("each refusal of a microphone says what to do, and files still work", async () => {
  const clip = path.join(harness.shipped, "reference.wav");
  const browsers = { true: await harness.launch(clip), false: await harness.launch() };
  try {
    for (const [kind, { permissions = [], microphone = true, before }] of Object.entries(refusals)) {
      const prepare = (page) => before && page.addInitScript(before);
      const visit = await harness.visit(browsers[microphone], server.url, { permissions, prepare });
      await visit.told("ready");
      await visit.page.click("#start");
      const [problem] = await visit.told("problem");
      assert.equal(problem.kind, kind);
      assert.ok(await visit.page.isVisible("#problem-advice"));
      assert.equal(await visit.page.textContent("#start"), "Start listening");
      await visit.page.setInputFiles("#file", clip);
      await visit.told("file");
      assert.ok(await visit.page.isHidden("#problem"));
      await visit.context.close();
    }
  } finally {
    await Promise.all(Object.values(browsers).map((browser) => browser.close()));
  }
});

describe("without a microphone", () => {
  let browser;
  before(async () => (browser = await harness.launch()));
  after(() => browser.close());

  /** A visit that ends with the test. */
  async function visiting(t, url, settings) {
    const visit = await harness.visit(browser, url, settings);
    t.after(() => visit.context.close());
    return visit;
  }

  test("a file gets ser-keras predict's answer, chosen or dropped", async (t) => {
    const wav = await harness.utterance("08a02Tb.wav");
    const expected = await harness.predict(wav);
    const visit = await visiting(t, server.url);
    await visit.told("ready");
    await visit.page.setInputFiles("#file", wav);
    const [chosen] = await visit.told("file");
    assert.equal(chosen.emotion, expected.emotion);
    assertNear([chosen.probabilities], [info.classes.map((name) => expected.probabilities[name])]);
    assert.equal(await visit.page.textContent("#emotion"), expected.emotion);

    const transfer = await visit.page.evaluateHandle(
      (text) => {
        const made = new DataTransfer();
        made.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "dropped.wav"));
        return made;
      },
      (await readFile(wav)).toString("base64"),
    );
    await visit.page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
    assert.ok(await visit.page.isVisible("#drop"));
    await visit.page.dispatchEvent("body", "drop", { dataTransfer: transfer });
    const dropped = (await visit.told("file", 2))[1];
    assert.deepEqual(dropped.probabilities, chosen.probabilities);
    assert.ok(await visit.page.isHidden("#drop"));
    assert.deepEqual(visit.errors, []);
  });

  test("how far to trust it begins with Python's sentences on how often it is right", async (t) => {
    const visit = await visiting(t, server.url);
    await visit.told("ready");
    const lines = await visit.page.locator("#limits li").allTextContents();
    assert.ok(lines.join(" ").startsWith(await harness.reach()), lines.join(" "));
    assert.match(lines.at(-1), /Don't use it to decide anything about people/);
  });

  test("the bundle's vectors come out as in Python, by the real model", async (t) => {
    const visit = await visiting(t, server.url);
    await visit.told("ready");
    for (const [n, { signal: parts, windows, file }] of vectors.stream.cases.entries()) {
      await visit.page.setInputFiles("#file", {
        name: "signal.wav",
        mimeType: "audio/wav",
        buffer: harness.wavOf(signal(parts)),
      });
      const heard = (await visit.told("file", n + 1))[n];
      assertNear(
        heard.moments.map((m) => m.probabilities),
        windows.map((w) => w.probabilities),
      );
      assertNear(
        heard.moments.map((m) => m.belief ?? []),
        windows.map((w) => w.belief ?? []),
      );
      assertNear([heard.probabilities], [file.probabilities]);
      assert.deepEqual(
        heard.moments.map((m) => m.speech),
        windows.map((w) => w.speech),
      );
      assert.equal(heard.speech, file.speech);
    }
  });

  test("a file that is no audio, or holds none, says so", async (t) => {
    const visit = await visiting(t, server.url);
    await visit.told("ready");
    const files = {
      "file-unreadable": Buffer.from("no audio at all"),
      "file-empty": harness.wavOf(new Float32Array(10)),
    };
    const odd = [
      ["file-unreadable", harness.wavOf(new Float32Array(16000).fill(1000))], // integers that nobody scaled
      ["file-unreadable", harness.wavOf(new Float32Array(16000).fill(NaN), 44100)],
    ];
    for (const [n, [kind, buffer]] of [...Object.entries(files), ...odd].entries()) {
      await visit.page.setInputFiles("#file", { name: "odd.wav", mimeType: "audio/wav", buffer });
      assert.equal((await visit.told("problem", n + 1))[n].kind, kind);
    }
    assert.ok(await visit.page.isEnabled("#start"));
  });

  const damages = {
    "model-missing": [
      (place, content) => (place === "bundle/bundle.json" ? null : content),
      (place, content) => (place.endsWith(".tflite") ? null : content),
    ],
    "model-damaged": [
      (place, content) =>
        place.endsWith(".tflite")
          ? Buffer.concat([content.subarray(0, 999), Buffer.from("x"), content.subarray(1000)])
          : content,
    ],
    "model-unknown": [(place, content) => (place === "bundle/bundle.json" ? Buffer.from("{}") : content)],
    "runtime-failed": [
      (place, content) => (place.endsWith(".wasm") ? content.subarray(0, 1000) : content),
      (place, content) => (place.endsWith("worker.js") ? null : content),
    ],
  };
  for (const [kind, changes] of Object.entries(damages)) {
    for (const [n, change] of changes.entries()) {
      test(`${kind} says what to do (${n + 1})`, async (t) => {
        const host = await harness.staticHost(harness.dist, change);
        t.after(host.stop);
        const visit = await visiting(t, host.url, { serviceWorkers: "block" });
        const [problem] = await visit.told("problem");
        assert.equal(problem.kind, kind, JSON.stringify(problem));
        assert.ok(await visit.page.isVisible("#problem-advice"));
        assert.ok(await visit.page.isDisabled("#start"));
      });
    }
  }

  test("any static host in any folder will do, and then none", async (t) => {
    const host = await harness.staticHost(harness.dist);
    t.after(host.stop); // also where the test ends early
    const visit = await visiting(t, host.url, {
      // another page of the same origin, and an earlier version of ours
      prepare: (page) =>
        page.addInitScript(() => {
          if (!location.pathname.endsWith("/folder/")) return;
          caches.open("another app's");
          caches.open(`${location.href} shell-earlier`);
        }),
    });
    assert.deepEqual(await visit.told("offline"), [true]);
    const names = await visit.page.evaluate(() => caches.keys());
    assert.ok(names.includes("another app's"), "another page's cache was deleted");
    assert.ok(!names.some((name) => name.endsWith("earlier")));
    assertOrigin(visit.requests, host.url);
    await host.stop();
    await visit.page.goto(`${host.url}licences.txt`);
    assert.match(await visit.page.textContent("body"), /Apache-2.0/);
    await visit.page.goto(`${host.url}?source=pwa`);
    await visit.told("ready");
    await visit.page.reload();
    await visit.told("ready");
    await visit.page.setInputFiles("#file", path.join(harness.shipped, "reference.wav"));
    const [heard] = await visit.told("file");
    const reference = JSON.parse(await readFile(path.join(harness.shipped, "reference.json"), "utf8"));
    assertNear([heard.probabilities], [info.classes.map((name) => reference.probabilities[info.default][name])]);
    await visit.page.click("#card summary");
    await visit.page.waitForSelector("#card-text table");
  });

  test("a new model is kept whole or not at all", async (t) => {
    let other = null;
    const host = await harness.staticHost(harness.dist, (place, content) => {
      if (!other) return content;
      if (place === "bundle/bundle.json") return Buffer.from(JSON.stringify(other.info));
      if (place === "bundle/model_card.md") return other.card;
      return content;
    });
    t.after(host.stop);
    const visit = await visiting(t, host.url);
    await visit.told("offline");
    const keptSums = () =>
      visit.page.evaluate(async () => {
        const name = (await caches.keys()).find((key) => key.endsWith(" model"));
        const cache = await caches.open(name);
        const listed = await (await cache.match(new URL("bundle/bundle.json", document.baseURI))).json();
        const cards = (await cache.keys()).map(({ url }) => url).filter((url) => url.includes("model_card"));
        return { listed: listed.files["model_card.md"].sha256, cards: cards.map((url) => url.split("=")[1]) };
      });
    const first = await keptSums();
    const card = Buffer.from("# Another");
    const sum = createHash("sha256").update(card).digest("hex");
    const files = { ...info.files, "model_card.md": { ...info.files["model_card.md"], sha256: sum } };
    const changed = { ...info, files };
    other = { info: changed, card: null }; // half of it has been uploaded
    await visit.page.reload();
    await visit.told("offline");
    await visit.page.waitForTimeout(500);
    assert.deepEqual(await keptSums(), first);
    other.card = card;
    await visit.page.reload();
    await visit.told("offline");
    await visit.page.waitForTimeout(500);
    assert.deepEqual(await keptSums(), { listed: sum, cards: [sum] });
  });

  test("without its model the page isn't called saved", async (t) => {
    const host = await harness.staticHost(harness.dist, (place, content) =>
      place.startsWith("bundle/") ? null : content,
    );
    t.after(host.stop);
    const visit = await visiting(t, host.url);
    assert.notEqual((await visit.told("offline"))[0], true);
    assert.equal(await visit.page.textContent("#offline"), "");
  });

  test("what else is served at the address later is shown, with its own files", async (t) => {
    let other = false;
    const host = await harness.staticHost(harness.dist, (place, content) => {
      if (other && place === "index.html") return Buffer.from('<title>Other</title><script src="app.js"></script>');
      if (other && place === "app.js") return Buffer.from("window.its = 'own'");
      return content;
    });
    t.after(host.stop);
    const visit = await visiting(t, host.url);
    await visit.told("offline");
    other = true;
    await visit.page.reload();
    assert.equal(await visit.page.title(), "Other");
    assert.equal(await visit.page.evaluate(() => window.its), "own");
  });

  test("another model at the same address is taken, not the one that was kept", async (t) => {
    let other = null;
    const host = await harness.staticHost(harness.dist, (place, content) => {
      if (other && place === "bundle/bundle.json") return Buffer.from(JSON.stringify({ ...info, default: other.name }));
      return content;
    });
    t.after(host.stop);
    const visit = await visiting(t, host.url);
    await visit.told("offline");
    const name = "model_float32.tflite";
    other = { name };
    await visit.page.reload();
    // it isn't in dist: the page asks for it instead of taking what it has
    const [problem] = await visit.told("problem");
    assert.equal(problem.kind, "model-missing");
    assert.ok(problem.detail.includes(name));
  });

  test("nothing that accessibility checks find, in either colour scheme", async (t) => {
    for (const colorScheme of ["light", "dark"]) {
      const visit = await visiting(t, server.url, { colorScheme });
      await visit.told("ready");
      await visit.page.setInputFiles("#file", path.join(harness.shipped, "reference.wav"));
      await visit.told("file");
      await visit.page.click("#card summary");
      await visit.page.waitForSelector("#card-text table");
      await visit.page.waitForTimeout(500);
      await visit.page.evaluate(axe.source + "; 0"); // by the debugger: the page's policy doesn't hold it up
      const { violations } = await visit.page.evaluate(() => window.axe.run(document));
      assert.deepEqual(
        violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`),
        [],
      );
    }
  });

  test("nothing runs over the edge of a small phone with large letters", async (t) => {
    const visit = await visiting(t, server.url, { viewport: { width: 320, height: 640 } });
    await visit.told("ready");
    await visit.page.setInputFiles("#file", path.join(harness.shipped, "reference.wav"));
    await visit.told("file");
    await visit.page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
    const wide = await visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
  });

  test("a browser would install it", async (t) => {
    const visit = await visiting(t, server.url);
    await visit.told("offline");
    const debugging = await visit.context.newCDPSession(visit.page);
    const { data, errors } = await debugging.send("Page.getAppManifest");
    assert.deepEqual(errors, []);
    for (const { src, sizes } of JSON.parse(data).icons) {
      const png = Buffer.from(await (await fetch(new URL(src, server.url))).arrayBuffer());
      assert.equal(`${png.readUInt32BE(16)}x${png.readUInt32BE(20)}`, sizes);
    }
    const { installabilityErrors } = await debugging.send("Page.getInstallabilityErrors");
    // "in-incognito" is about the window that tests run in
    assert.deepEqual(
      installabilityErrors.map((e) => e.errorId).filter((id) => id !== "in-incognito"),
      [],
    );
  });
});
