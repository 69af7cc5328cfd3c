// The microphone as a stream of 16 kHz mono samples.

import { clip, SAMPLE_RATE } from "./audio.js";
import { microphoneProblem, Problem } from "./problems.js";
import { Resampler } from "./resampler.js";

// What makes calls clearer (levelling, noise suppression) changes what the model was trained to hear.
const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
};

export class Microphone {
  #closing = null;

  /**
   * Ask for the microphone and start it. To be called in answer to a tap or key, or browsers may hold the sound back.
   *
   * @param {URL} worklet address of capture_worklet.js
   * @param {(samples: Float32Array) => void} onSamples 16 kHz mono in [-1, 1]
   * @param {(problem: Problem) => void} onLost the microphone went away by itself; it is closed already
   * @returns {Promise<Microphone>}
   * @throws {Problem} insecure-page, old-browser, permission-refused, no-microphone, microphone-...
   */
  static async open(worklet, onSamples, onLost) {
    if (!globalThis.isSecureContext) throw new Problem("insecure-page");
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.AudioWorkletNode) throw new Problem("old-browser");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    } catch (error) {
      throw microphoneProblem(error);
    }
    const microphone = new Microphone(stream, onSamples, onLost);
    try {
      await microphone.#start(worklet);
    } catch (error) {
      await microphone.close();
      throw microphoneProblem(error);
    }
    return microphone;
  }

  constructor(stream, onSamples, onLost) {
    this.stream = stream;
    this.onSamples = onSamples;
    this.onLost = onLost;
    this.closed = false;
  }

  async #start(worklet) {
    let source;
    try {
      this.context = new AudioContext({ sampleRate: SAMPLE_RATE });
      source = this.context.createMediaStreamSource(this.stream);
    } catch {
      // Firefox refuses a microphone in a context of another rate: take its own, and resample here.
      await this.context?.close();
      this.context = new AudioContext();
      source = this.context.createMediaStreamSource(this.stream);
    }
    this.rate = this.context.sampleRate;
    const resampler = this.rate === SAMPLE_RATE ? null : new Resampler(this.rate, SAMPLE_RATE);
    await this.context.audioWorklet.addModule(worklet);
    const node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      if (!this.closed) this.onSamples(clip(resampler ? resampler.process(data) : data));
    };
    source.connect(node);
    const lost = () => this.#lose();
    for (const track of this.stream.getAudioTracks()) track.addEventListener("ended", lost);
    await this.context.resume();
    this.context.addEventListener("statechange", () => {
      // a phone call, or the page in the background: the browser stops the audio by itself
      if (this.context.state !== "running") this.#lose();
    });
  }

  #lose() {
    if (this.closed) return;
    this.close();
    this.onLost(new Problem("microphone-lost"));
  }

  /** Releases it; as often as you like. */
  close() {
    this.closed = true;
    for (const track of this.stream.getTracks()) track.stop();
    this.#closing ??= this.context?.state === "closed" ? null : this.context?.close();
    return this.#closing;
  }
}
