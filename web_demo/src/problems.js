// Everything that can go wrong, as the person sees it: what happened, and what to do.

/** A failure with words for the person in front of the page. */
export class Problem extends Error {
  /**
   * @param {keyof typeof PROBLEMS} kind
   * @param {string} detail what exactly, for whoever can use it
   */
  constructor(kind, detail = "") {
    super(detail ? `${PROBLEMS[kind].title} (${detail})` : PROBLEMS[kind].title);
    this.kind = kind;
    this.detail = detail;
    this.title = PROBLEMS[kind].title;
    this.advice = PROBLEMS[kind].advice;
  }
}

export const PROBLEMS = {
  "permission-refused": {
    title: "The microphone is blocked for this page.",
    advice:
      "Tap the lock or microphone symbol beside the address, allow the microphone, and press Start again. " +
      "If it is allowed there, look in the system's settings whether this browser may use the microphone. " +
      "Without a microphone you can still choose an audio file.",
  },
  "no-microphone": {
    title: "No microphone was found.",
    advice: "Plug one in or switch it on, and press Start again. You can still choose an audio file.",
  },
  "microphone-taken": {
    title: "The microphone can't be opened: another app seems to use it.",
    advice: "End calls and recorders, close other tabs that listen, and press Start again.",
  },
  "microphone-lost": {
    title: "The microphone went away.",
    advice: "It was unplugged, or another app took it. Press Start to listen again.",
  },
  "microphone-failed": {
    title: "The microphone can't be used.",
    advice: "Press Start again; if that doesn't help, reload the page or choose an audio file.",
  },
  "insecure-page": {
    title: "This page needs a secure connection.",
    advice:
      "Browsers give microphone and checksums to secure pages only. Open this page by https://, or on the machine " +
      "that serves it by http://localhost. " +
      "docs/demo-user.md says how to do that with a phone.",
  },
  "old-browser": {
    title: "This browser is too old for this page.",
    advice: "It needs WebAssembly with SIMD and AudioWorklet: Chrome or Edge 91, Firefox 89, Safari 16.4, or newer.",
  },
  "model-missing": {
    title: "The model isn't there.",
    advice:
      "Check the connection and reload the page. If you put this page online yourself, upload the folder dist whole, " +
      "with bundle/ in it.",
  },
  "model-damaged": {
    title: "The model is damaged: it doesn't match its checksum.",
    advice: "Reload the page. If that doesn't help, its files on the server are damaged: build or upload them again.",
  },
  "model-unknown": {
    title: "This model can't be used here.",
    advice: "It was made for another version of this page. Update the page, or export the model again.",
  },
  "model-wrong": {
    title: "This browser computes something else than the model's makers did.",
    advice: "Its results would mean nothing, so nothing is shown. Please try another browser.",
  },
  "runtime-failed": {
    title: "The model's runtime didn't start.",
    advice: "Reload the page. If memory is short, close other tabs first.",
  },
  "file-unreadable": {
    title: "This file can't be read as audio.",
    advice: "Choose a WAV, MP3, M4A, Ogg or FLAC file that your browser can play.",
  },
  "file-too-long": {
    title: "This file is too long for a browser's memory.",
    advice: "Choose one of at most 30 minutes; `ser-keras predict` takes any length.",
  },
  "file-empty": {
    title: "This file holds no audio.",
    advice: "Choose one of at least a hundredth of a second.",
  },
};

/** What a refused microphone means. @param {Error} error of getUserMedia */
export function microphoneProblem(error) {
  const kinds = {
    NotAllowedError: "permission-refused",
    SecurityError: "permission-refused",
    NotFoundError: "no-microphone",
    OverconstrainedError: "no-microphone",
    NotReadableError: "microphone-taken",
    AbortError: "microphone-taken",
  };
  return new Problem(kinds[error.name] ?? "microphone-failed", `${error.name}: ${error.message}`);
}

/** Any error as a Problem. */
export function asProblem(error, kind) {
  return error instanceof Problem ? error : new Problem(kind, String(error?.message ?? error));
}
