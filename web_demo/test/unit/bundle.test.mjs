import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import path from "node:path";
import { Bundle, readSettings, sha256 } from "../../src/bundle.js";
import { cardHtml, limits } from "../../src/card.js";
import { microphoneProblem, Problem, PROBLEMS } from "../../src/problems.js";
import { folder, info } from "./vectors.mjs";

const realFetch = globalThis.fetch;
afterEach(() => (globalThis.fetch = realFetch));

/** A network that serves the bundle's folder; `change` may harm what it serves, and sees how often it was asked. */
function network(change = (_, content) => content) {
  const asked = [];
  globalThis.fetch = async (address, options) => {
    const name = new URL(address).pathname.split("/").at(-1);
    asked.push({ address, cache: options?.cache });
    const content = change(name, readFileSync(path.join(folder, name)), asked);
    return content === null ? new Response("", { status: 404 }) : new Response(content);
  };
  return asked;
}

const kindOf = async (work) => {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.kind;
  }
  return "none";
};

test("settings are the bundle's", () => {
  const settings = readSettings(info);
  assert.deepEqual(settings.classes, info.classes);
  assert.equal(settings.window, info.window_samples);
  assert.equal(settings.gateDbfs, info.speech_gate_dbfs);
});

test("a bundle that this page can't use is refused with a reason", () => {
  const bad = [
    { schema_version: 99 },
    { schema_version: undefined },
    { sample_rate: 8000 },
    { tail_rule: "wrap" },
    { window_samples: 0 },
    { hop_samples: 1.5 },
    { classes: [] },
    { default: "other.tflite" },
  ];
  for (const change of bad) {
    assert.throws(
      () => readSettings({ ...info, ...change }),
      (error) => error.kind === "model-unknown" && error.detail.length > 0,
    );
  }
  assert.throws(
    () => readSettings(null),
    (error) => error.kind === "model-unknown",
  );
});

test("the model and the reference clip arrive as they are", async () => {
  const asked = network();
  const bundle = await Bundle.open("http://host/bundle/");
  assert.equal(await sha256(await bundle.model()), info.files[info.default].sha256);
  const reference = await bundle.reference();
  assert.equal(reference.samples.length, info.window_samples);
  assert.equal(reference.probabilities.length, info.classes.length);
  assert.match(await bundle.card(), /^# /);
  const model = asked.find(({ address }) => address.includes(".tflite"));
  assert.ok(model.address.endsWith(`?sha256=${info.files[info.default].sha256}`));
});

test("what is missing or damaged is told apart", async () => {
  const open = async () => (await Bundle.open("http://host/bundle/")).model();
  network((name, content) => (name === "bundle.json" ? null : content));
  assert.equal(await kindOf(open), "model-missing");
  network((name, content) => (name.endsWith(".tflite") ? null : content));
  assert.equal(await kindOf(open), "model-missing");
  network((name, content) => (name === "bundle.json" ? "<html>" : content));
  assert.equal(await kindOf(open), "model-unknown");
  const asked = network((name, content) => (name.endsWith(".tflite") ? content.subarray(1) : content));
  assert.equal(await kindOf(open), "model-damaged");
  assert.equal(asked.at(-1).cache, "reload");
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  assert.equal(await kindOf(open), "model-missing");
});

test("half a model in a cache is fetched again", async () => {
  network((name, content, asked) =>
    name.endsWith(".tflite") && asked.at(-1).cache !== "reload" ? content.subarray(5) : content,
  );
  const model = await (await Bundle.open("http://host/bundle/")).model();
  assert.equal(await sha256(model), info.files[info.default].sha256);
});

test("every refusal of a microphone says what to do", () => {
  const named = (name) => microphoneProblem(Object.assign(new Error("no"), { name })).kind;
  assert.equal(named("NotAllowedError"), "permission-refused");
  assert.equal(named("NotFoundError"), "no-microphone");
  assert.equal(named("NotReadableError"), "microphone-taken");
  assert.equal(named("SomethingElse"), "microphone-failed");
  for (const { title, advice } of Object.values(PROBLEMS)) assert.ok(title.endsWith(".") && advice.endsWith("."));
});

test("the weights' licence and their notice stand beneath the card where they have such", async () => {
  for (const terms of [[], ["LICENSE.md"], ["NOTICE.md"], ["LICENSE.md", "NOTICE.md"]]) {
    const files = { ...info.files, "LICENSE.md": undefined, "NOTICE.md": undefined };
    for (const name of terms) files[name] = { sha256: "0" };
    const bundle = new Bundle("http://host/", { ...info, files });
    bundle.file = async (name) => new TextEncoder().encode(`# ${name}`);
    assert.equal(await bundle.card(), ["model_card.md", ...terms].map((name) => `# ${name}`).join("\n\n"));
  }
});

test("a card's HTML is text, and its tables are tables", () => {
  const html = cardHtml(
    "# A\n\n| a | b |\n| --- | --- |\n| 1 | <script>x</script> |\n\n[x](javascript:alert(1)) <img src=x onerror=y>",
  );
  assert.match(html, /<table>/);
  assert.ok(!/<script|<img|javascript:/.test(html), html);
});

/** What `ser-keras export` writes of people who are heard in a room. */
const HEARD = {
  protocol: "final model on casia, heard live",
  leaky: false,
  chosen_on: false,
  classes: ["anger", "happiness", "neutral", "sadness"],
  uar: 0.45,
  wa: 0.9,
};
const STRANGERS = { protocol: "speaker_independent", leaky: false };

test("how often it is right begins with people in a room, and the files come second", () => {
  const said = (live, changed = {}) => {
    const estimate = { ...info.uar_estimate[info.default], uar: 0.9, wa: 0.849 };
    const origin = { ...info.created_from, ...STRANGERS, ...changed };
    const uar_estimate = { [info.default]: estimate };
    return limits({ ...info, classes: ["a", "b", "c"], live, uar_estimate, created_from: origin });
  };
  const sentence =
    "On people that it never heard, in a room, it names the right one of four emotions in about five of ten cases.";
  const files =
    "On recordings like those that it learned from, of speakers that it never heard: the right one of three in about " +
    "eight of ten."; // the WA: a UAR is no share of cases
  assert.deepEqual(said([HEARD, { ...HEARD, uar: 1 }]).slice(0, 2), [sentence, files]);
  assert.match(said([{ ...HEARD, uar: 0.449 }])[0], /about four of ten/);
  assert.match(said([{ ...HEARD, chosen_on: true }])[1], /expect less/);
  const own = { ...HEARD, protocol: "speaker_independent, heard live" };
  assert.equal(said([own])[0], sentence);
  const notLive = [undefined, [], [{ ...HEARD, leaky: true }], [{ ...HEARD, uar: null }], [{}]];
  for (const live of notLive) assert.match(said(live)[0], /not measured live/, JSON.stringify(live));
  const dependent = { ...HEARD, protocol: "speaker_dependent, heard live" };
  assert.match(said([dependent], { protocol: "speaker_dependent" })[0], /not measured live/);
});

test("what it can't know comes from the bundle, and nothing is made up where it says nothing", () => {
  const text = limits(info).join(" ");
  assert.match(text, /EMO-DB/);
  const made = (changed) => ({ ...info, created_from: { ...info.created_from, ...STRANGERS, ...changed } });
  assert.match(limits(made({ protocol: "cross_corpus" })).join(" "), /of speakers that it never heard: the right one/);
  const none = /recordings of speakers that it never heard was not measured/;
  for (const changed of [{ protocol: "random" }, { protocol: undefined }, { leaky: true }]) {
    assert.match(limits(made(changed)).join(" "), none, JSON.stringify(changed));
  }
  assert.match(limits({ ...info, uar_estimate: null }).join(" "), none);
  assert.match(limits({ classes: ["a"], default: "x" }).join(" "), none);
});
