// Runs in a worker beside LiteRT.js's WebAssembly: loads a model, then answers windows with probabilities.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

// Without relaxed SIMD, so that the same samples give the same probabilities on every device; for nets of this size it
// is nearly as fast.
const RUNTIME = "litert_wasm_compat_internal.js";

let model, settings;

async function load(request) {
  // A GPU is of no use to a model of some milliseconds, and asking for one takes longer than that.
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  await loadLiteRt(new URL(RUNTIME, self.location.href).href);
  try {
    model = await loadAndCompile(new Uint8Array(request.model), { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
  } catch (error) {
    throw Object.assign(error, { kind: "model-unknown" });
  }
  settings = request;
  const [input] = model.getInputDetails();
  const [output] = model.getOutputDetails();
  const takes = input.shape.at(-1);
  const gives = output.shape.at(-1);
  if (takes !== settings.window || gives !== settings.classes) {
    const text =
      `the model takes ${takes} samples and gives ${gives} probabilities, ` +
      `bundle.json says ${settings.window} and ${settings.classes}`;
    throw Object.assign(new Error(text), { kind: "model-unknown" });
  }
  return {};
}

async function classify(samples) {
  const started = performance.now();
  const input = new Tensor(samples, [1, samples.length]);
  const outputs = await model.run({ [settings.input]: input });
  const probabilities = Array.from(await outputs[settings.output].data());
  for (const tensor of [input, ...Object.values(outputs)]) tensor.delete();
  return { probabilities, ms: performance.now() - started };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(data.model ? await load(data) : await classify(data.samples));
  } catch (error) {
    self.postMessage({ error: String(error?.message ?? error), kind: error?.kind });
  }
};
