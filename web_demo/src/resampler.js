// Any sampling rate to another, chunk by chunk, through a windowed sinc that keeps out what would alias.

// Fitted to the response of soxr's HQ, with which Python resamples: a model hears the edge of the band.
const ZERO_CROSSINGS = 98.76; // on each side, of the lower of the two rates: passes up to .91 of its Nyquist frequency
const BETA = 13.2; // Kaiser window: stop band over 100 dB down
const TRANSITION = 0.0431; // how far below the lower rate's Nyquist frequency the cutoff lies, so that all is down there

/** Modified Bessel function of the first kind, order 0. */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

/**
 * A streaming resampler without delay: output sample n lies at n / toRate seconds of the input, however the input is
 * cut into chunks. Before its first and after its last sample the input counts as zero.
 */
export class Resampler {
  /** @param {number} fromRate Hz, whole  @param {number} toRate Hz, whole */
  constructor(fromRate, toRate) {
    const divisor = greatestCommonDivisor(fromRate, toRate);
    this.up = toRate / divisor;
    this.down = fromRate / divisor;
    const lower = Math.min(fromRate, toRate);
    this.half = Math.ceil((ZERO_CROSSINGS * fromRate) / lower);
    this.taps = this.#design((lower / fromRate) * (1 - TRANSITION)); // per phase 2 * half coefficients
    this.held = new Float32Array(this.half); // the end of the input so far; begins with the zeros before it
    this.first = -this.half; // place in the input of held[0]
    this.total = 0; // input samples taken
    this.done = 0; // output samples given
  }

  /** @param {number} cutoff of the input's Nyquist frequency */
  #design(cutoff) {
    const { up, half } = this;
    const width = 2 * half;
    const taps = new Float32Array(up * width);
    const scale = bessel0(BETA);
    for (let phase = 0; phase < up; phase++) {
      let sum = 0;
      for (let k = 0; k < width; k++) {
        const t = k - half + 1 - phase / up; // input samples from the output's place
        const x = Math.PI * cutoff * t;
        const window = bessel0(BETA * Math.sqrt(Math.max(0, 1 - (t / half) ** 2))) / scale;
        const value = (t === 0 ? 1 : Math.sin(x) / x) * window;
        taps[phase * width + k] = value;
        sum += value;
      }
      for (let k = 0; k < width; k++) taps[phase * width + k] /= sum; // a constant stays what it is, in every phase
    }
    return taps;
  }

  /** The output that a chunk of input makes possible. */
  process(samples) {
    const joined = new Float32Array(this.held.length + samples.length);
    joined.set(this.held);
    joined.set(samples, this.held.length);
    this.total += samples.length;
    const out = this.#run(joined, Math.ceil(((this.total - this.half) * this.up) / this.down));
    const keepFrom = Math.max(this.first, Math.floor((this.done * this.down) / this.up) - this.half);
    this.held = joined.slice(keepFrom - this.first);
    this.first = keepFrom;
    return out;
  }

  /** The rest of the output, after the last chunk. */
  flush() {
    const joined = new Float32Array(this.held.length + this.half);
    joined.set(this.held);
    return this.#run(joined, Math.floor((this.total * this.up) / this.down + 0.5)); // as many as soxr makes
  }

  /** Outputs up to the `end`th of all. */
  #run(input, end) {
    const { up, down, half, taps } = this;
    const width = 2 * half;
    const count = Math.max(0, end - this.done);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++, this.done++) {
      const at = Math.floor((this.done * down) / up);
      const phase = (this.done * down) % up;
      const from = at - half + 1 - this.first;
      let sum = 0;
      for (let k = 0, t = phase * width; k < width; k++, t++) sum += input[from + k] * taps[t];
      out[i] = sum;
    }
    return out;
  }
}
