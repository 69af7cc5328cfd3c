// The bundle: its settings, and its model's bytes once their checksum is right.

import { SAMPLE_RATE, TAIL_RULES } from "./audio.js";
import { Problem } from "./problems.js";

const SCHEMA_VERSION = 1; // of bundle.json

/**
 * The settings in a bundle.json.
 *
 * @param {object} info the parsed file
 * @returns {{classes: string[], window: number, hop: number, tail: string, gateDbfs: number|null, smoothingS: number,
 *   input: string, output: string, signature: string}} window and hop in samples
 * @throws {Problem} model-unknown
 */
export function readSettings(info) {
  const unknown = (what) => new Problem("model-unknown", what);
  if (!(info?.schema_version >= 1)) throw unknown("bundle.json has no schema_version");
  if (info.schema_version > SCHEMA_VERSION) {
    throw unknown(`bundle.json has schema version ${info.schema_version}, this page reads ${SCHEMA_VERSION}`);
  }
  if (info.sample_rate !== SAMPLE_RATE) throw unknown(`a sample_rate of ${info.sample_rate}, not ${SAMPLE_RATE}`);
  if (!TAIL_RULES.includes(info.tail_rule)) throw unknown(`an unknown tail_rule ${info.tail_rule}`);
  const whole = (n) => Number.isInteger(n) && n >= 1;
  if (!whole(info.window_samples) || !whole(info.hop_samples)) throw unknown("no window_samples or hop_samples");
  if (!Array.isArray(info.classes) || !info.classes.length) throw unknown("no classes");
  if (typeof info.files?.[info.default]?.sha256 !== "string") throw unknown("no checksum of the default model");
  return {
    classes: info.classes.map(String),
    window: info.window_samples,
    hop: info.hop_samples,
    tail: info.tail_rule,
    gateDbfs: info.speech_gate_dbfs ?? null,
    smoothingS: info.smoothing_s ?? null,
    input: info.input,
    output: info.output,
    signature: info.signature,
  };
}

/** Hexadecimal SHA-256. @param {ArrayBuffer} buffer */
export async function sha256(buffer) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A bundle that lies at an address. */
export class Bundle {
  /** @param {string} base address of its folder, with a slash at its end */
  constructor(base, info) {
    this.base = base;
    this.info = info;
    this.settings = readSettings(info);
  }

  /** @throws {Problem} model-missing, model-unknown */
  static async open(base) {
    const response = await get(base + "bundle.json", { cache: "no-cache" });
    let info;
    try {
      info = await response.json();
    } catch {
      throw new Problem("model-unknown", "bundle.json is no JSON");
    }
    return new Bundle(base, info);
  }

  /**
   * One of its files, checked.
   *
   * @param {string} name as in bundle.json
   * @returns {Promise<ArrayBuffer>}
   * @throws {Problem} model-missing, model-damaged
   */
  async file(name) {
    const expected = this.info.files?.[name]?.sha256;
    if (!expected) throw new Problem("model-missing", `${name} isn't in bundle.json`);
    // The checksum in the address: another model never comes out of a cache in place of this one.
    const address = `${this.base}${name}?sha256=${expected}`;
    let content = await (await get(address)).arrayBuffer();
    if ((await sha256(content)) !== expected) {
      content = await (await get(address, { cache: "reload" })).arrayBuffer(); // a cache may hold half of it
      if ((await sha256(content)) !== expected) throw new Problem("model-damaged", name);
    }
    return content;
  }

  /** @returns {Promise<ArrayBuffer>} the default model */
  model() {
    return this.file(this.info.default);
  }

  /** What every runtime must say of the reference clip. @returns {Promise<{samples, probabilities, tolerance}|null>} */
  async reference() {
    if (!this.info.files["reference.json"] || !this.info.files["reference.wav"]) return null;
    const reference = JSON.parse(new TextDecoder().decode(await this.file("reference.json")));
    const named = reference.probabilities?.[this.info.default];
    if (!named) return null;
    const wav = await this.file("reference.wav");
    const pcm = new Int16Array(wav.slice(wav.byteLength - 2 * reference.window_samples)); // its end is the clip
    return {
      samples: Float32Array.from(pcm, (x) => x / 32768),
      probabilities: this.settings.classes.map((name) => named[name]),
      tolerance: reference.tolerance,
    };
  }

  /** The model card's text, the weights' licence and whom they credit, where there are such. @returns {Promise<string>} Markdown */
  async card() {
    const terms = ["LICENSE.md", "NOTICE.md"].filter((name) => this.info.files[name]);
    const texts = await Promise.all(["model_card.md", ...terms].map((name) => this.file(name)));
    return texts.map((text) => new TextDecoder().decode(text)).join("\n\n");
  }
}

async function get(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    throw new Problem("model-missing", `${address}: ${error.message}`);
  }
  if (!response.ok) throw new Problem("model-missing", `${address}: ${response.status}`);
  return response;
}
