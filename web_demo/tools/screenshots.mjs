// The pictures in README.md and docs: `npm run screenshots [FOLDER]`, after `npm run build`.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { launch, repository, serve, shipped, utterance, visit, wavOf } from "./harness.mjs";

// Utterances of EMO-DB where it is there (../shared/data), with a pause; otherwise the bundle's clip, again and again.
const SPOKEN = [
  "03a05Wa.wav",
  "03b01Nb.wav",
  "10b03Tb.wav",
  null,
  "09a01Ea.wav",
  "09a01Fa.wav",
  "11b03Fc.wav",
  "09a01Fa.wav",
];
const PAUSE_S = 3;
const HEARD_S = 40;

const SIZES = {
  desktop: { viewport: { width: 1200, height: 790 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};
async function conversation() {
  const parts = [];
  for (const name of SPOKEN) {
    if (!name) parts.push(new Float32Array(16000 * PAUSE_S));
    else {
      const wav = await readFile(await utterance(name));
      parts.push(Float32Array.from(new Int16Array(wav.buffer.slice(wav.byteOffset + 44)), (x) => x / 32768));
    }
  }
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

const folder = process.argv[2] ?? path.join(repository, "docs", "images");
await mkdir(folder, { recursive: true });
const server = await serve();
const { hop_samples, sample_rate } = JSON.parse(await readFile(path.join(shipped, "bundle.json"), "utf8"));
const hopS = hop_samples / sample_rate;
const wav = path.join(folder, "voice.wav");
await writeFile(wav, wavOf(await conversation()));
for (const [size, device] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    const browser = await launch(wav); // anew each time: the microphone's file is heard once
    const { page, told } = await visit(browser, server.url, { ...device, colorScheme, permissions: ["microphone"] });
    await told("offline");
    await page.click("#start");
    await told("moment", Math.round(HEARD_S / hopS));
    await page.waitForTimeout(600); // the bars have come to rest
    await page.screenshot({ path: path.join(folder, `web-${size}-${colorScheme}.png`) });
    await browser.close();
  }
}
await rm(wav);
await server.stop();
