import assert from "node:assert/strict";
import { test } from "node:test";
import { clip } from "../../src/audio.js";
import { mix, toModelRate, wavRate } from "../../src/decode.js";
import { Resampler } from "../../src/resampler.js";

const RATES = [8000, 22050, 32000, 44100, 48000, 96000];
const tone = (hz, rate, seconds = 0.5) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
/** A whole signal at another rate. */
function resample(samples, fromRate, toRate) {
  const resampler = new Resampler(fromRate, toRate);
  return Float32Array.of(...resampler.process(samples), ...resampler.flush());
}
const db = (ratio) => 20 * Math.log10(ratio);

/** Largest value in the middle, away from the ends, where the filter hears the zeros outside. */
function peak(samples) {
  return samples.subarray(2000, samples.length - 2000).reduce((top, x) => Math.max(top, Math.abs(x)), 0);
}

test("a tone in the pass band stays what and where it is", () => {
  for (const rate of RATES) {
    const top = (0.9 * Math.min(rate, 16000)) / 2;
    for (const hz of [100, 1000, 3400, top].filter((f) => f <= top)) {
      const out = resample(tone(hz, rate), rate, 16000);
      const expected = tone(hz, 16000);
      assert.equal(out.length, expected.length, `${rate} Hz`);
      const error = peak(out.map((x, i) => x - (expected[i] ?? 0)));
      assert.ok(error < 1e-3, `${hz} Hz from ${rate} Hz: off by ${error}`);
    }
  }
});

test("what would alias is gone", () => {
  for (const rate of RATES.filter((r) => r > 16000)) {
    for (const hz of [8050, 9000, 10500].filter((f) => f < rate / 2)) {
      const left = db(peak(resample(tone(hz, rate), rate, 16000)));
      assert.ok(left < -75, `${hz} Hz from ${rate} Hz: ${left.toFixed(0)} dB`);
    }
  }
});

test("from 8 kHz nothing appears above 4 kHz", () => {
  const out = resample(tone(3000, 8000), 8000, 16000); // its image would lie at 5 kHz
  const image = tone(5000, 16000);
  let sum = 0;
  for (let i = 2000; i < out.length - 2000; i++) sum += out[i] * image[i];
  assert.ok(db(Math.abs(sum) / (out.length / 2)) < -75);
});

test("a constant stays what it is, and the order of pieces doesn't matter", () => {
  const samples = Float32Array.from({ length: 20000 }, (_, i) => Math.sin(i * i * 1e-5) * 0.7 + 0.1);
  for (const rate of RATES) {
    const flat = resample(new Float32Array(20000).fill(0.5), rate, 16000);
    assert.ok(
      flat.subarray(2000, flat.length - 2000).every((x) => Math.abs(x - 0.5) < 1e-6),
      `${rate}`,
    );
    const whole = resample(samples, rate, 16000);
    for (const size of [1, 128, 1000, 7777]) {
      if (size === 1 && rate !== 44100) continue;
      const resampler = new Resampler(rate, 16000);
      const pieces = [];
      for (let at = 0; at < samples.length; at += size) pieces.push(resampler.process(samples.subarray(at, at + size)));
      pieces.push(resampler.flush());
      assert.deepEqual(Float32Array.from(pieces.flatMap((piece) => [...piece])), whole, `${rate} by ${size}`);
    }
  }
});

test("a file is resampled in pieces as it would be in one, and 16 kHz is left alone", async () => {
  for (const rate of [8000, 44100, 16000]) {
    const samples = tone(440, rate, 2.3);
    const expected = rate === 16000 ? samples : resample(samples, rate, 16000);
    assert.deepEqual(
      await toModelRate([samples], rate),
      expected.map((x) => Math.min(1, Math.max(-1, x))),
    );
  }
});

test("a file has as many samples as Python makes of it", async () => {
  for (const [n, rate, made] of [
    [176401, 44100, 64000],
    [192001, 48000, 64000],
    [192002, 48000, 64001],
  ]) {
    assert.equal((await toModelRate([new Float32Array(n)], rate)).length, made, `${n} at ${rate}`);
  }
});

test("a long file lets the page have its turn", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await toModelRate([new Float32Array(44100 * 20)], 44100);
  clearInterval(timer);
  assert.ok(turns > 2, `${turns} turns`);
});

test("samples beyond 8 or that are no numbers are no audio; up to 8 they are clipped", async () => {
  for (const odd of [8.01, -32768, NaN, Infinity]) {
    for (const rate of [16000, 44100]) {
      const samples = new Float32Array(2 * rate);
      samples[rate + 7] = odd;
      await assert.rejects(toModelRate([samples], rate), { kind: "file-unreadable" }, `${odd}`);
    }
  }
  assert.deepEqual(await toModelRate([Float32Array.of(8, -3, 0.5)], 16000), Float32Array.of(1, -1, 0.5));
});

test("what is no number is silence", () => {
  assert.deepEqual(clip(Float32Array.of(NaN, Infinity, -2, 0.5)), Float32Array.of(0, 0, -1, 0.5));
});

test("a WAV header's rate is found wherever it stands", () => {
  const header = (before) => {
    const buffer = new ArrayBuffer(64 + before);
    const view = new DataView(buffer);
    const put = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    put(0, "RIFF");
    put(8, "WAVE");
    let at = 12;
    if (before) {
      put(at, "JUNK");
      view.setUint32(at + 4, before - 8, true);
      at += before;
    }
    put(at, "fmt ");
    view.setUint32(at + 4, 16, true);
    view.setUint32(at + 12, 44100, true);
    return buffer;
  };
  assert.equal(wavRate(header(0)), 44100);
  assert.equal(wavRate(header(20)), 44100);
  assert.equal(wavRate(new ArrayBuffer(100)), null);
  assert.equal(wavRate(new ArrayBuffer(3)), null);
});

test("channels are averaged", () => {
  assert.deepEqual(mix([Float32Array.of(1, 0.5), Float32Array.of(0, 0.5)]), Float32Array.of(0.5, 0.5));
});
