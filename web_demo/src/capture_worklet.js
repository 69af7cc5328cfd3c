// Runs on the audio thread: hands on what the microphone gives, mixed to mono, in pieces of some 20 ms.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = 128 * Math.max(1, Math.round((sampleRate * 0.02) / 128));
    this.piece = new Float32Array(this.size);
    this.filled = 0;
  }

  process([channels]) {
    const frames = channels[0]?.length ?? 0; // none while the source is silent or gone
    for (let i = 0; i < frames; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.piece[this.filled++] = sum / channels.length;
      if (this.filled === this.size) {
        this.port.postMessage(this.piece, [this.piece.buffer]);
        this.piece = new Float32Array(this.size);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
