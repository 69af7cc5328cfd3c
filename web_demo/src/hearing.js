// From samples to moments: windows, their level, the model's probabilities, the running belief. As `Model.hear` and
// `Model.predict_samples` of ser_keras/runtime/model.py.

import { levelDbfs, SAMPLE_RATE, SlidingWindows, windowAt, windowStarts } from "./audio.js";
import { RunningBelief } from "./belief.js";

/**
 * @typedef {object} Moment one window as it is heard
 * @property {number} start seconds  @property {number} end seconds
 * @property {number} level RMS in dBFS
 * @property {boolean} speech whether that reaches the bundle's speech gate
 * @property {number[]} probabilities of this window alone  @property {number} ms what the model took
 * @property {number[]|null} belief what the windows so far come to; null: nothing heard lately
 * @property {Float32Array} samples
 */

/** Turns windows into moments, in order. */
class Moments {
  constructor(settings, classify) {
    this.settings = settings;
    this.classify = classify;
    this.belief = new RunningBelief(settings.smoothingS, settings.hop / SAMPLE_RATE);
  }

  async of(start, end, samples) {
    const { gateDbfs } = this.settings;
    const { probabilities, ms } = await this.classify(samples);
    const level = levelDbfs(samples);
    const speech = gateDbfs === null || level >= gateDbfs;
    const belief = this.belief.update(speech ? probabilities : null);
    return { start: start / SAMPLE_RATE, end: end / SAMPLE_RATE, level, speech, probabilities, ms, belief, samples };
  }
}

/** Hears a stream that has no end. */
export class Listener {
  #cut;
  #moments;
  #busy = false;

  /**
   * @param {object} settings of bundle.js
   * @param {(window: Float32Array) => Promise<{probabilities: number[], ms: number}>} classify
   * @param {(moment: Moment) => void} onMoment
   * @param {(error: Error) => void} onError
   */
  constructor(settings, classify, onMoment, onError) {
    this.#cut = new SlidingWindows(settings.window, settings.hop);
    this.#moments = new Moments(settings, classify);
    this.onMoment = onMoment;
    this.onError = onError;
    this.dropped = 0; // windows that came while the model was still busy
  }

  /** @param {Float32Array} samples 16 kHz mono, any number of them */
  push(samples) {
    for (const { start, samples: window } of this.#cut.push(samples)) {
      if (this.#busy) this.dropped++;
      else this.#hear(start, window);
    }
  }

  async #hear(start, window) {
    this.#busy = true;
    try {
      this.onMoment(await this.#moments.of(start, start + window.length, window));
    } catch (error) {
      this.onError(error);
    } finally {
      this.#busy = false;
    }
  }
}

/**
 * All moments of a signal that is there as a whole.
 *
 * @param {Float32Array} samples at least one
 * @returns {AsyncGenerator<Moment>}
 */
export async function* moments(samples, settings, classify) {
  const made = new Moments(settings, classify);
  for (const start of windowStarts(samples.length, settings.window, settings.hop, settings.tail)) {
    const end = Math.min(start + settings.window, samples.length);
    yield await made.of(start, end, windowAt(samples, start, settings.window));
  }
}

/** Where the stretch begins that a moment adds: after the one before, and not in time that no window looked at. */
export function addedFrom(moment, endBefore) {
  return Math.max(endBefore, moment.start);
}

/**
 * What a file's moments come to: the mean over the windows that hold speech, or over all where none does.
 *
 * @param {Moment[]} heard
 * @returns {{probabilities: number[], top: number, speech: boolean}} top: index of the largest
 */
export function summary(heard) {
  const speech = heard.some((moment) => moment.speech);
  const counted = heard.filter((moment) => moment.speech || !speech);
  const probabilities = counted[0].probabilities.map(
    (_, i) => counted.reduce((sum, moment) => sum + moment.probabilities[i], 0) / counted.length,
  );
  return { probabilities, top: largest(probabilities), speech };
}

/** Index of the largest number, the first of equals. */
export function largest(numbers) {
  return numbers.indexOf(Math.max(...numbers));
}
