// Builds dist/: everything that a static HTTPS host needs. `node tools/build.mjs [--bundle FOLDER] [--out FOLDER]`

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { icon } from "./icons.mjs";
import { shipped } from "./shipped.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const repository = path.dirname(root);
const { values: options } = parseArgs({
  options: {
    bundle: { type: "string", default: shipped },
    out: { type: "string", default: path.join(root, "dist") },
  },
});
const out = options.out;
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

async function scripts() {
  const settings = { bundle: true, minify: true, target: "es2022", charset: "utf8", logLevel: "warning" };
  const source = (name) => path.join(root, "src", name);
  const modules = { ...settings, format: "esm" };
  await build({ ...modules, entryPoints: [source("main.js")], outfile: path.join(out, "app.js") });
  await build({
    ...modules,
    entryPoints: [source("capture_worklet.js")],
    outfile: path.join(out, "capture_worklet.js"),
  });
  // a classic worker, since LiteRT.js loads its runtime by importScripts; and beside the runtime, where that looks
  await build({
    ...settings,
    format: "iife",
    entryPoints: [source("worker.js")],
    outfile: path.join(out, "runtime", "worker.js"),
  });
}

async function runtime() {
  const wasm = path.join(root, "node_modules", "@litertjs", "core", "wasm");
  for (const suffix of [".js", ".wasm"]) {
    await cp(
      path.join(wasm, `litert_wasm_compat_internal${suffix}`),
      path.join(out, "runtime", `litert_wasm_compat_internal${suffix}`),
    );
  }
}

async function icons() {
  await mkdir(path.join(out, "icons"), { recursive: true });
  const made = {
    "icon-192.png": icon(192, { corner: 0.2, drawing: 0.62 }),
    "icon-512.png": icon(512, { corner: 0.2, drawing: 0.62 }),
    "icon-maskable-512.png": icon(512, { corner: 0, drawing: 0.5 }), // systems cut away up to a fifth on each side
    "apple-touch-icon.png": icon(180, { corner: 0, drawing: 0.58 }), // iOS rounds it itself
  };
  for (const [name, content] of Object.entries(made)) await writeFile(path.join(out, "icons", name), content);
}

/** The parts of the bundle that the page reads, each checked. */
async function bundle() {
  const target = path.join(out, "bundle");
  await mkdir(target, { recursive: true });
  const text = await readFile(path.join(options.bundle, "bundle.json"), "utf8");
  const info = JSON.parse(text);
  const names = [info.default, "labels.txt", "model_card.md", "reference.json", "reference.wav"];
  // weights under terms of their own, or that owe credit, are passed on with these alone
  const terms = ["LICENSE.md", "NOTICE.md"].filter((name) => info.files[name]);
  for (const name of [...names, ...terms]) {
    const content = await readFile(path.join(options.bundle, name));
    if (sha256(content) !== info.files[name]?.sha256)
      throw new Error(`${name} doesn't match its checksum in bundle.json`);
    await writeFile(path.join(target, name), content);
  }
  await writeFile(path.join(target, "bundle.json"), text);
}

/** The licences of what ships in dist/. */
async function licences() {
  const apache = await readFile(path.join(repository, "LICENSE"), "utf8");
  const lock = JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"));
  const parts = [`This page (ser-keras): Apache-2.0, below.\n`];
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (!place || entry.dev || place.includes("@types/")) continue;
    const folder = path.join(root, place);
    const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
    const words = file ? await readFile(path.join(folder, file), "utf8") : "";
    parts.push(
      `${place.replace(/^.*node_modules\//, "")} ${entry.version}: ${entry.license}\n` +
        (words && !/Apache/.test(entry.license) ? `\n${words.trim()}\n` : ""),
    );
  }
  await writeFile(path.join(out, "licences.txt"), [...parts, apache].join(`\n${"-".repeat(72)}\n\n`));
}

/** The service worker, with the list of files that it keeps; any change in one of them is a new version. */
async function serviceWorker() {
  const files = [];
  const hash = createHash("sha256");
  const source = await readFile(path.join(root, "src", "sw.js"), "utf8");
  hash.update(source);
  for (const entry of (await readdir(out, { recursive: true, withFileTypes: true })).sort(byPath)) {
    const place = path
      .relative(out, path.join(entry.parentPath ?? entry.path, entry.name))
      .split(path.sep)
      .join("/");
    if (!entry.isFile() || place.startsWith("bundle/") || place === "sw.js") continue;
    files.push(place === "index.html" ? "./" : place);
    hash.update(place).update(await readFile(path.join(out, place)));
  }
  const version = hash.digest("hex").slice(0, 12);
  await writeFile(
    path.join(out, "sw.js"),
    source.replace("__VERSION__", JSON.stringify(version)).replace("__FILES__", JSON.stringify(files)),
  );
}

function byPath(a, b) {
  const full = (entry) => path.join(entry.parentPath ?? entry.path, entry.name);
  return full(a) < full(b) ? -1 : 1;
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await cp(path.join(root, "static"), out, { recursive: true });
await scripts();
await runtime();
await icons();
await bundle();
await licences();
await serviceWorker();
