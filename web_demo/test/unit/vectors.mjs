// The bundle's shared vectors: what Python makes of given audio. BUNDLE names another bundle than the shipped one.

import { readFileSync } from "node:fs";
import path from "node:path";
import { shipped } from "../../tools/shipped.mjs";

export const folder = process.env.BUNDLE ?? shipped;

export const read = (name) => JSON.parse(readFileSync(path.join(folder, name), "utf8"));
export const info = read("bundle.json");
export const vectors = read("vectors.json");

const wav = readFileSync(path.join(folder, "reference.wav"));
const pcm = new Int16Array(
  wav.buffer.slice(wav.byteOffset + wav.length - 2 * info.window_samples, wav.byteOffset + wav.length),
);
export const clip = Float32Array.from(pcm, (x) => x / 32768);

/** The samples that a list of {samples, gain} stands for: the clip, repeated, times the gain. */
export function signal(parts) {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.samples, 0));
  let at = 0;
  for (const { samples, gain } of parts) {
    for (let i = 0; i < samples; i++) out[at++] = clip[i % clip.length] * gain;
  }
  return out;
}
