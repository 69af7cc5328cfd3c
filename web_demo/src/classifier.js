// The model in a worker: windows in, probabilities out, one at a time.

import { asProblem, Problem } from "./problems.js";

export class Classifier {
  #worker;
  #waiting = null; // who waits for the worker's answer
  #last = Promise.resolve(); // settled when the last question is answered

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#settle({ error: event.message || "the worker didn't start" });
    };
  }

  /**
   * Start the runtime, load the model and check it on the bundle's reference clip.
   *
   * @param {import("./bundle.js").Bundle} bundle
   * @param {URL} script address of runtime/worker.js
   * @returns {Promise<Classifier>}
   * @throws {Problem} model-..., runtime-failed, old-browser
   */
  static async load(bundle, script) {
    if (!globalThis.WebAssembly || !globalThis.Worker || !globalThis.crypto?.subtle) {
      throw new Problem(globalThis.isSecureContext ? "old-browser" : "insecure-page");
    }
    const [model, reference] = await Promise.all([bundle.model(), bundle.reference()]);
    const classifier = new Classifier(new Worker(script));
    try {
      const { window, classes, input, output } = bundle.settings;
      await classifier.#ask({ model, window, classes: classes.length, input, output }, [model]);
      classifier.largestDifference = reference && (await classifier.#check(reference));
    } catch (error) {
      classifier.close();
      throw asProblem(error, "runtime-failed");
    }
    return classifier;
  }

  async #check({ samples, probabilities, tolerance }) {
    const found = (await this.classify(samples)).probabilities;
    const difference = Math.max(...found.map((p, i) => Math.abs(p - probabilities[i])));
    if (!(difference <= tolerance)) throw new Problem("model-wrong", `reference clip: off by ${difference}`);
    return difference;
  }

  /**
   * @param {Float32Array} samples one window; the caller keeps it
   * @returns {Promise<{probabilities: number[], ms: number}>} ms: time of the model alone
   */
  classify(samples) {
    const own = samples.slice();
    return this.#ask({ samples: own }, [own.buffer]);
  }

  /** One question at a time: a file may be chosen while the last window of the microphone is still being worked on. */
  #ask(message, transfer) {
    const answer = this.#last.then(
      () =>
        new Promise((resolve, reject) => {
          this.#waiting = { resolve, reject };
          this.#worker.postMessage(message, transfer);
        }),
    );
    this.#last = answer.catch(() => {});
    return answer;
  }

  #settle(answer) {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (answer.error) waiting?.reject(new Problem(answer.kind ?? "runtime-failed", answer.error));
    else waiting?.resolve(answer);
  }

  close() {
    this.#worker.terminate();
    this.#settle({ error: "closed" });
  }
}
