// Audio files of any format that the browser plays, as 16 kHz mono samples.

import { clip, SAMPLE_RATE } from "./audio.js";
import { Problem } from "./problems.js";
import { Resampler } from "./resampler.js";

const MAX_BYTES = 350e6; // 30 minutes of stereo WAV at 48 kHz, 16 bits
const MAX_SECONDS = 1800;
const MIN_SAMPLES = 160; // as ser_keras.audio.reading
const OVERDRIVE = 8; // as ser_keras.audio.reading: samples above are no audio in [-1, 1] (integers that nobody scaled, noise)
const USUAL_RATE = 48000;
const WORK_MS = 15; // then the page gets its turn

/** The sampling rate in a WAV file's header; null for other files. @param {ArrayBuffer} buffer */
export function wavRate(buffer) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (view.byteLength < 44 || tag(0) !== "RIFF" || tag(8) !== "WAVE") return null;
  for (
    let at = 12;
    at + 24 <= view.byteLength;
    at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1)
  ) {
    if (tag(at) === "fmt ") return view.getUint32(at + 12, true);
  }
  return null;
}

/** Mean of channels. @param {Float32Array[]} channels */
export function mix(channels) {
  if (channels.length === 1) return channels[0];
  const out = new Float32Array(channels[0].length);
  for (const channel of channels) for (let i = 0; i < out.length; i++) out[i] += channel[i] / channels.length;
  return out;
}

/**
 * @param {Blob} file
 * @returns {Promise<Float32Array>} 16 kHz mono in [-1, 1]
 * @throws {Problem} file-unreadable, file-too-long, file-empty
 */
export async function decode(file) {
  if (file.size > MAX_BYTES) throw new Problem("file-too-long", `${Math.round(file.size / 1e6)} MB`);
  let audio;
  try {
    const content = await file.arrayBuffer();
    // Decoded at its own rate where that is known, so that it is resampled once, by our resampler.
    const rate = wavRate(content);
    audio = await context(rate).decodeAudioData(content);
  } catch (error) {
    throw new Problem("file-unreadable", `${file.name ?? "audio"}: ${error.message || error.name}`);
  }
  if (audio.duration > MAX_SECONDS) throw new Problem("file-too-long", `${Math.round(audio.duration / 60)} minutes`);
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  const samples = await toModelRate(channels, audio.sampleRate);
  if (samples.length < MIN_SAMPLES) throw new Problem("file-empty", `${samples.length} samples`);
  return samples;
}

/**
 * Mixed, resampled and clipped, in pieces of a second between which the page stays alive.
 *
 * @param {Float32Array[]} channels  @param {number} rate Hz
 * @returns {Promise<Float32Array>} 16 kHz mono in [-1, 1]
 * @throws {Problem} file-unreadable: samples that are no audio
 */
export async function toModelRate(channels, rate) {
  const [{ length }] = channels;
  const resampler = rate === SAMPLE_RATE ? null : new Resampler(rate, SAMPLE_RATE);
  const out = new Float32Array(Math.ceil((length * SAMPLE_RATE) / rate));
  let filled = 0;
  let began = performance.now();
  const give = (samples) => {
    out.set(samples, filled);
    filled += samples.length;
  };
  for (let at = 0; at < length; at += rate) {
    const pieces = channels.map((channel) => channel.subarray(at, at + rate));
    // asked this way round, since a comparison with NaN is false
    if (!pieces.every((piece) => piece.every((x) => Math.abs(x) <= OVERDRIVE))) {
      const what = `samples beyond ${OVERDRIVE}, or that are no numbers; floats belong in [-1, 1]`;
      throw new Problem("file-unreadable", what);
    }
    const piece = mix(pieces);
    give(resampler ? resampler.process(piece) : piece);
    if (performance.now() - began < WORK_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    began = performance.now();
  }
  if (resampler) give(resampler.flush());
  return clip(out.subarray(0, filled));
}

function context(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate ?? USUAL_RATE);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_RATE); // a rate that the browser has no context for
  }
}
