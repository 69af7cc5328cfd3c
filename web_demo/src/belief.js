// The running belief, as ser_keras/runtime/running_belief.py has it.

/**
 * b_n = b_(n-1) + (p_n - b_(n-1)) / min(n, N) with N = smoothingS / hopS: at first the mean of all windows so far, then
 * older ones fade. Silence leaves it as it is; after smoothingS of silence it begins anew.
 */
export class RunningBelief {
  /** @param {number|null} smoothingS seconds; null: nothing fades  @param {number} hopS seconds between windows */
  constructor(smoothingS, hopS) {
    this.smoothing = smoothingS ?? Infinity;
    this.hop = hopS;
    this.windows = Math.max(1, this.smoothing / hopS);
    this.heard = 0;
    this.silent = 0;
    this.value = null;
  }

  /** @param {number[]|null} probabilities of a window; null: under the speech gate  @returns {number[]|null} */
  update(probabilities) {
    if (probabilities === null) {
      this.silent++;
      if (this.silent * this.hop >= this.smoothing) {
        this.heard = 0;
        this.value = null;
      }
      return this.value;
    }
    this.silent = 0;
    this.heard++;
    const share = 1 / Math.min(this.heard, this.windows);
    this.value = this.value ? this.value.map((b, i) => b + (probabilities[i] - b) * share) : Array.from(probabilities);
    return this.value;
  }
}
