// What the end-to-end tests and the screenshots share: browser, servers, Python's answers.

import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { shipped } from "./shipped.mjs";

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const repository = path.dirname(root);
export const dist = path.join(root, "dist");
export { shipped };
export const python = process.env.PYTHON ?? path.join(repository, ".venv", "bin", "python");

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
// A browser that asks nobody on the network for anything of its own.
const QUIET = [
  "--no-sandbox", // as root, in containers
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function browserPath() {
  const found = [process.env.CHROMIUM, ...BROWSERS].find((file) => file && existsSync(file));
  if (!found) throw new Error("no Chromium: apt-get install chromium, or set CHROMIUM to its path");
  return found;
}

/**
 * @param {string|null} wav what the microphone hears, again and again; null: there is no microphone
 * @param {string[]} more arguments of the browser
 */
export function launch(wav = null, more = []) {
  const microphone = wav ? ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${wav}`] : [];
  return chromium.launch({
    executablePath: browserPath(),
    args: [...QUIET, ...microphone, ...more],
  });
}

/** `ser-keras serve`. @returns {Promise<{url: string, stop: () => Promise<void>}>} */
export async function serve(...options) {
  const child = spawn(python, ["-m", "ser_keras", "serve", "--port", "0", ...options], {
    cwd: os.tmpdir(),
    env: { ...process.env, PYTHONPATH: repository },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
      const found = /https?:\/\/\S+/.exec(text);
      if (found) resolve(found[0]);
    });
    child.on("exit", (code) => reject(new Error(`ser-keras serve ended with ${code}`)));
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  return {
    url,
    stop: () => {
      child.kill("SIGINT");
      return ended;
    },
  };
}

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
};

/**
 * Any static host, with the page in a folder of its own.
 *
 * @param {string} folder
 * @param {(place: string, content: Buffer) => Buffer|null} change what to give out instead; null: not found
 */
export async function staticHost(folder, change = (_, content) => content) {
  const server = http.createServer(async (request, response) => {
    const place = decodeURIComponent(request.url.split("?")[0])
      .replace(/^\/some\/folder\//, "")
      .replace(/^$/, "index.html");
    let content = null;
    try {
      content = change(place, await readFile(path.join(folder, place)));
    } catch {
      content = null;
    }
    response.writeHead(content ? 200 : 404, {
      "Content-Type": TYPES[path.extname(place)] ?? "application/octet-stream",
    });
    response.end(content ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/some/folder/`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A folder that is gone when the work is done. */
export async function inFolder(work) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "ser-keras-web-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runPython(...parameters) {
  const options = { cwd: repository, env: { ...process.env, PYTHONPATH: repository }, maxBuffer: 1 << 28 };
  return (await promisify(execFile)(python, parameters, options)).stdout;
}

/** `ser-keras predict --json` of one file. */
export async function predict(file) {
  return JSON.parse(await runPython("-m", "ser_keras", "predict", file, "--json"))[0];
}

/** How often the shipped model is right, as Python says it. */
export async function reach() {
  return (await runPython("-c", "import ser_keras; print(ser_keras.load().reach)")).trim();
}

/** What Python says of windows. @param {Float32Array[]} windows  @returns {Promise<number[][]>} */
export function probabilities(windows) {
  return inFolder(async (folder) => {
    const file = path.join(folder, "windows.f32");
    await writeFile(file, Buffer.concat(windows.map((w) => Buffer.from(w.buffer, w.byteOffset, w.byteLength))));
    const code = `
import json, sys
import numpy as np
import ser_keras
model = ser_keras.load()
windows = np.fromfile(sys.argv[1], "<f4").reshape(-1, model.window_samples)
print(json.dumps(model.probabilities(windows).tolist()))`;
    return JSON.parse(await runPython("-c", code, file));
  });
}

/** An utterance of EMO-DB where that lies beside the checkout, or the bundle's clip. */
export async function utterance(name) {
  const folder = path.join(
    process.env.SER_KERAS_TEST_DATA ?? path.join(repository, "..", "shared", "data"),
    "emodb",
    "wav",
  );
  const there = existsSync(folder) ? await readdir(folder) : [];
  return there.includes(name) ? path.join(folder, name) : path.join(shipped, "reference.wav");
}

/**
 * Opens the page and writes down what it asks for and tells.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {object} settings of the context (permissions, colorScheme, ...); and prepare(page), called before that
 */
export async function visit(browser, url, { prepare, ...settings } = {}) {
  const context = await browser.newContext(settings);
  const requests = []; // of pages, workers and service workers
  context.on("request", (request) => requests.push(request.url()));
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) errors.push(message.text());
  });
  await page.addInitScript(() => {
    window.told = { ready: [], moment: [], file: [], problem: [], listening: [], offline: [] };
    for (const name of Object.keys(window.told)) {
      document.addEventListener(`ser-keras:${name}`, ({ detail }) => window.told[name].push(detail));
    }
  });
  await prepare?.(page);
  await page.goto(url);
  return {
    page,
    context,
    requests,
    errors,
    /** What was told under a name, once there are so many. */
    async told(name, count = 1) {
      await page.waitForFunction(([n, c]) => window.told[n].length >= c, [name, count], {
        timeout: 60000,
        polling: 50,
      });
      return page.evaluate(
        (n) =>
          window.told[n].map((detail) =>
            JSON.parse(JSON.stringify(detail, (key, value) => (key === "samples" ? undefined : value))),
          ),
        name,
      );
    },
    /** The samples of every moment so far. @returns {Promise<Float32Array[]>} */
    async windows() {
      const texts = await page.evaluate(() =>
        window.told.moment.map(({ samples }) => {
          const bytes = new Uint8Array(samples.buffer);
          let out = "";
          for (let at = 0; at < bytes.length; at += 8192) out += String.fromCharCode(...bytes.subarray(at, at + 8192));
          return btoa(out);
        }),
      );
      return texts.map((text) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer));
    },
  };
}

/** A mono WAV file of 32-bit floats. @param {Float32Array} samples */
export function wavOf(samples, rate = 16000) {
  const header = Buffer.alloc(44);
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  [16, 3 | (1 << 16), rate, rate * 4, 4 | (32 << 16), 0, data.length].forEach((n, i) =>
    header.writeUInt32LE(n, 16 + 4 * i),
  );
  header.write("data", 36);
  return Buffer.concat([header, data]);
}
