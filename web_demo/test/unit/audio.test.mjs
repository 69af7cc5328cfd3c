import assert from "node:assert/strict";
import { test } from "node:test";
import { levelDbfs, RingBuffer, SILENT_DBFS, SlidingWindows, windowAt, windowStarts } from "../../src/audio.js";
import { signal, vectors } from "./vectors.mjs";

test("windows begin where Python's do", () => {
  assert.ok(vectors.windows.length >= 10);
  for (const v of vectors.windows) {
    assert.deepEqual(
      windowStarts(v.samples, v.window_samples, v.hop_samples, v.tail_rule),
      v.starts,
      JSON.stringify(v),
    );
  }
});

test("a hop longer than the window steps over a remainder", () => {
  assert.deepEqual(windowStarts(1100, 300, 1000, "pad"), [0, 1000]);
  assert.deepEqual(windowStarts(1000, 300, 1000, "pad"), [0]);
});

test("senseless windows are refused", () => {
  for (const bad of [
    [0, 1, 1, "drop"],
    [1, 0, 1, "drop"],
    [1, 1, 0, "drop"],
    [1, 1, 1, "wrap"],
  ]) {
    assert.throws(() => windowStarts(...bad), RangeError);
  }
});

test("levels are Python's", () => {
  const { cases, tolerance_db: tolerance } = vectors.gate;
  for (const { signal: parts, level_dbfs: level } of cases) {
    assert.ok(Math.abs(levelDbfs(signal(parts)) - level) <= tolerance, `${levelDbfs(signal(parts))} for ${level}`);
  }
  assert.equal(levelDbfs(new Float32Array(10)), SILENT_DBFS);
  assert.equal(levelDbfs(new Float32Array(10).fill(1)), 0);
});

const ramp = (from, count) => Float32Array.from({ length: count }, (_, i) => from + i);

test("the ring gives back what was written, however it was written", () => {
  for (const size of [1, 3, 7, 10, 25]) {
    const ring = new RingBuffer(10);
    for (let at = 0; at < 100; at += size) ring.write(ramp(at, size));
    for (let length = 0; length <= 10; length++) {
      assert.deepEqual(ring.read(ring.total - length, length), ramp(ring.total - length, length));
    }
  }
});

test("the ring doesn't make up samples", () => {
  const ring = new RingBuffer(10);
  ring.write(ramp(0, 15));
  assert.throws(() => ring.read(4, 2), RangeError); // overwritten
  assert.throws(() => ring.read(10, 6), RangeError); // not there yet
});

test("windows cut from a stream are those cut from the whole", () => {
  const samples = ramp(0, 5003);
  for (const [window, hop] of [
    [1000, 400],
    [1000, 1000],
    [300, 1000],
  ]) {
    const expected = windowStarts(samples.length, window, hop, "drop").map((start) => ({
      start,
      samples: windowAt(samples, start, window),
    }));
    for (const size of [1, 7, 128, 700, 10000]) {
      const cut = new SlidingWindows(window, hop);
      const found = [];
      for (let at = 0; at < samples.length; at += size) found.push(...cut.push(samples.subarray(at, at + size)));
      assert.deepEqual(found, expected, `${window}, ${hop}, ${size}`);
    }
  }
});

test("a window that reaches over the end is padded with zeros", () => {
  assert.deepEqual(windowAt(ramp(1, 5), 3, 4), Float32Array.of(4, 5, 0, 0));
});
