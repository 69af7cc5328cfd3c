import assert from "node:assert/strict";
import { test } from "node:test";
import { RunningBelief } from "../../src/belief.js";
import { readSettings } from "../../src/bundle.js";
import { Classifier } from "../../src/classifier.js";
import { addedFrom, Listener, moments, summary } from "../../src/hearing.js";
import { info, signal, vectors } from "./vectors.mjs";

const settings = readSettings(info);

function near(found, expected, tolerance, what) {
  if (expected === null) return assert.equal(found, null, what);
  assert.equal(found?.length, expected.length, what);
  expected.forEach((p, i) => assert.ok(Math.abs(found[i] - p) <= tolerance, `${what}: ${found} for ${expected}`));
}

test("the belief is Python's after every window", () => {
  const { cases, tolerance } = vectors.belief;
  assert.ok(cases.length >= 4);
  for (const { smoothing_s: smoothing, hop_s: hop, probabilities, beliefs } of cases) {
    const belief = new RunningBelief(smoothing, hop);
    probabilities.forEach((row, n) =>
      near(belief.update(row), beliefs[n], tolerance, `smoothing ${smoothing}, window ${n}`),
    );
  }
});

test("smoothed over one hop, each window speaks for itself and one of silence ends it", () => {
  const belief = new RunningBelief(1, 1);
  for (const row of [[1, 0], [0.25, 0.75], [0.5, 0.5]]) assert.deepEqual(belief.update(row), row);
  assert.equal(belief.update(null), null);
  assert.deepEqual(belief.update([0, 1]), [0, 1]);
});

test("whether a window holds speech is decided as in Python", async () => {
  const { cases, speech_gate_dbfs: gates } = vectors.gate;
  for (const { signal: parts, passes } of cases) {
    for (const [name, gateDbfs] of Object.entries(gates)) {
      const flat = async () => ({ probabilities: settings.classes.map(() => 0), ms: 0 });
      for await (const moment of moments(signal(parts), { ...settings, gateDbfs }, flat)) {
        assert.equal(moment.speech, passes[name], `${moment.level} dBFS at ${gateDbfs}`);
      }
    }
  }
});

// The model itself runs in the browser (test/e2e); here its recorded answers are handed out in order.
function recorded(windows) {
  let next = 0;
  return async () => ({ probabilities: windows[next++].probabilities, ms: 0 });
}

test("a signal becomes Python's moments and result", async () => {
  const { cases, tolerance } = vectors.stream;
  for (const { signal: parts, windows, file } of cases) {
    const heard = [];
    for await (const moment of moments(signal(parts), settings, recorded(windows))) heard.push(moment);
    assert.equal(heard.length, windows.length);
    heard.forEach((moment, n) => {
      const expected = windows[n];
      assert.equal(Math.round(moment.start * 16000), expected.start);
      assert.equal(Math.round(moment.end * 16000), expected.end);
      assert.ok(Math.abs(moment.level - expected.level_dbfs) < 0.01);
      assert.equal(moment.speech, expected.speech);
      near(moment.belief, expected.belief, tolerance, `window ${n}`);
    });
    const found = summary(heard);
    near(found.probabilities, file.probabilities, tolerance, "file");
    assert.equal(settings.classes[found.top], file.emotion);
    assert.equal(found.speech, file.speech);
  }
});

test("a stream becomes the same moments as the whole", async () => {
  const [{ signal: parts, windows }] = vectors.stream.cases;
  const samples = signal(parts);
  const live = [];
  const listener = new Listener(settings, recorded(windows), (moment) => live.push(moment), assert.fail);
  for (let at = 0; at < samples.length; at += 320) {
    listener.push(samples.subarray(at, at + 320));
    await new Promise(setImmediate); // the model answers before the next piece
  }
  assert.equal(listener.dropped, 0);
  assert.ok(live.length >= 5);
  live.forEach((moment, n) => {
    assert.equal(Math.round(moment.start * 16000), windows[n].start);
    near(moment.belief, windows[n].belief, vectors.stream.tolerance, `window ${n}`);
  });
});

test("windows that come while the model is busy are dropped, not queued", async () => {
  let answer;
  const seen = [];
  const slow = () => new Promise((resolve) => (answer = resolve));
  const listener = new Listener(settings, slow, (moment) => seen.push(moment.start), assert.fail);
  listener.push(new Float32Array(settings.window + 3 * settings.hop));
  assert.equal(listener.dropped, 3);
  answer({ probabilities: settings.classes.map(() => 0), ms: 0 });
  await new Promise(setImmediate);
  listener.push(new Float32Array(settings.hop));
  answer({ probabilities: settings.classes.map(() => 0), ms: 0 });
  await new Promise(setImmediate);
  assert.deepEqual(seen, [0, (4 * settings.hop) / 16000]);
});

test("a model that fails is told, and the next window is tried again", async () => {
  const errors = [];
  const broken = async () => {
    throw new Error("no memory");
  };
  const listener = new Listener(settings, broken, assert.fail, (error) => errors.push(error.message));
  for (let i = 0; i < 2; i++) {
    listener.push(new Float32Array(settings.window));
    await new Promise(setImmediate);
  }
  assert.ok(errors.length >= 2);
});

test("the model is asked one question after the other", async () => {
  const posted = [];
  const worker = { postMessage: ({ samples }) => posted.push(samples.length), terminate() {} };
  const classifier = new Classifier(worker);
  const first = classifier.classify(new Float32Array(1));
  const second = classifier.classify(new Float32Array(2));
  await new Promise(setImmediate);
  assert.deepEqual(posted, [1]);
  worker.onmessage({ data: { error: "no memory" } });
  await assert.rejects(first, /no memory/);
  await new Promise(setImmediate);
  assert.deepEqual(posted, [1, 2]);
  worker.onmessage({ data: { probabilities: [1], ms: 0 } });
  assert.deepEqual((await second).probabilities, [1]);
});

test("the timeline stays empty where no window looked", () => {
  assert.equal(addedFrom({ start: 0, end: 2 }, 0), 0);
  assert.equal(addedFrom({ start: 0.5, end: 2.5 }, 2), 2);
  assert.equal(addedFrom({ start: 6, end: 8 }, 2.5), 6); // windows in between were dropped
});
