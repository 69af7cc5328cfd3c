// Samples at 16 kHz: their level, and the windows that are cut from them. The same rules as ser_keras/audio/reading.py and
// ser_keras/runtime/model.py; test/unit compares both by the bundle's vectors.

export const SAMPLE_RATE = 16000;
export const TAIL_RULES = ["drop", "pad"];
export const SILENT_DBFS = -200; // what digital silence is called instead of minus infinity

/** RMS level of samples in [-1, 1], in dB below a full-scale square wave. */
export function levelDbfs(samples) {
  let power = 0;
  for (const x of samples) power += x * x;
  power /= samples.length;
  return power > 0 ? 10 * Math.log10(power) : SILENT_DBFS;
}

/** To [-1, 1], in place; what is no number becomes silence. As ser_keras.audio.reading does after resampling. */
export function clip(samples) {
  for (let i = 0; i < samples.length; i++) {
    samples[i] = Number.isFinite(samples[i]) ? Math.min(1, Math.max(-1, samples[i])) : 0;
  }
  return samples;
}

/**
 * Where the windows of a signal begin.
 *
 * @param {number} length samples of the signal, at least 1
 * @param {number} window samples
 * @param {number} hop samples
 * @param {"drop"|"pad"} tail what happens to a remainder that no whole window covers; a signal shorter than one window
 *   is one padded window under either rule
 * @returns {number[]} ascending, the first 0
 */
export function windowStarts(length, window, hop, tail) {
  if (Math.min(length, window, hop) < 1) throw new RangeError("a signal, window or hop below 1 sample");
  if (!TAIL_RULES.includes(tail)) throw new RangeError(`unknown tail rule ${tail}`);
  const excess = Math.max(0, length - window);
  const count = 1 + (tail === "pad" ? Math.ceil(excess / hop) : Math.floor(excess / hop));
  // a hop longer than the window may step over the remainder
  return Array.from({ length: count }, (_, i) => i * hop).filter((start) => start < length);
}

/** One window of a signal that is there as a whole, padded with zeros at its end where the signal stops. */
export function windowAt(samples, start, window) {
  const out = new Float32Array(window);
  out.set(samples.subarray(start, start + window));
  return out;
}

/** The last samples of a stream that has no end, addressed by their place in the whole stream. */
export class RingBuffer {
  constructor(capacity) {
    this.data = new Float32Array(capacity);
    this.total = 0; // samples written since the start
  }

  write(samples) {
    const capacity = this.data.length;
    const kept = samples.length > capacity ? samples.subarray(samples.length - capacity) : samples;
    const at = (this.total + samples.length - kept.length) % capacity;
    const first = Math.min(kept.length, capacity - at);
    this.data.set(kept.subarray(0, first), at);
    this.data.set(kept.subarray(first), 0);
    this.total += samples.length;
  }

  /** A copy of `length` samples from place `start`. */
  read(start, length) {
    const capacity = this.data.length;
    if (start + length > this.total || start < Math.max(0, this.total - capacity)) {
      throw new RangeError(`samples ${start} to ${start + length} are not held`);
    }
    const out = new Float32Array(length);
    const at = start % capacity;
    const first = Math.min(length, capacity - at);
    out.set(this.data.subarray(at, at + first));
    out.set(this.data.subarray(0, length - first), first);
    return out;
  }
}

/** Cuts a stream into windows, in memory that doesn't grow. */
export class SlidingWindows {
  constructor(window, hop) {
    this.window = window;
    this.hop = hop;
    this.next = 0; // where the next window begins
    this.ring = new RingBuffer(window);
  }

  /** Takes samples; returns the windows that they complete, as {start, samples}. */
  push(samples) {
    const found = [];
    for (let done = 0; done < samples.length;) {
      // no more at once than up to the end of the next window, so that the ring still holds all of it
      const missing = this.next + this.window - this.ring.total;
      const piece = samples.subarray(done, done + missing);
      this.ring.write(piece);
      done += piece.length;
      if (this.ring.total === this.next + this.window) {
        found.push({ start: this.next, samples: this.ring.read(this.next, this.window) });
        this.next += this.hop;
      }
    }
    return found;
  }
}
