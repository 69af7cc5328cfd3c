// The page: buttons and files on one side, microphone and model on the other.

import { levelDbfs, RingBuffer, SAMPLE_RATE } from "./audio.js";
import { Bundle } from "./bundle.js";
import { cardHtml, limits } from "./card.js";
import { Classifier } from "./classifier.js";
import { decode } from "./decode.js";
import { addedFrom, Listener, moments, summary } from "./hearing.js";
import { Microphone } from "./microphone.js";
import { asProblem, Problem } from "./problems.js";
import { View } from "./view.js";

const here = (path) => new URL(path, document.baseURI);
const byId = (id) => document.getElementById(id);
const METER_SAMPLES = SAMPLE_RATE / 10;
const SHOW_EVERY_MS = 100; // of a file, whose moments come faster than anybody can see

const view = new View();
let bundle, classifier, microphone;
let listening = false;
let session = 0; // counts what was begun; what an earlier one still says is nobody's

/** For pages that embed this one, and for tests: what was heard, as an event on `document`. */
function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(`ser-keras:${name}`, { detail }));
}

function fail(error, kind) {
  const problem = asProblem(error, kind);
  view.showProblem(problem);
  tell("problem", problem);
}

async function prepare() {
  view.showState("loading");
  try {
    bundle = await Bundle.open(here("bundle/").href);
    view.showModel(bundle.settings);
    view.showLimits(limits(bundle.info));
    classifier = await Classifier.load(bundle, here("runtime/worker.js"));
  } catch (error) {
    view.showWord("–");
    view.showNote("The model could not be loaded.");
    return fail(error, "runtime-failed");
  }
  const { largestDifference: off } = classifier;
  showFacts({
    Model: `${bundle.info.created_from?.recipe ?? "model"}, ${bundle.info.default}`,
    "Self-test":
      off === null
        ? "no reference clip in the bundle"
        : `reference clip as it must be (largest difference ${off.toExponential(0)})`,
    "Time per window": "–",
  });
  ready("Press Start and speak, or choose an audio file.");
}

function ready(note) {
  view.showState("idle");
  view.showWord("Ready");
  view.showNote(note);
  tell("ready", bundle.info);
}

/** Length of a window as it is printed. */
const windowS = () => Number((bundle.settings.window / SAMPLE_RATE).toFixed(2));

const facts = {};
function showFacts(changed) {
  Object.assign(facts, changed);
  view.showFacts(Object.entries(facts));
}

/** Median of the last times, since single ones jump. */
class Times {
  #last = [];
  add(ms) {
    this.#last = [...this.#last.slice(-20), ms];
    const sorted = [...this.#last].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}
const times = new Times();

function showTime(ms) {
  showFacts({ "Time per window": `${times.add(ms).toFixed(1)} ms for ${windowS()} s of audio` });
}

async function start() {
  const mine = ++session;
  const current = () => session === mine;
  view.showProblem(null);
  view.showState("opening");
  view.showNote("Waiting for the microphone.");
  const { settings } = bundle;
  const recent = new RingBuffer(METER_SAMPLES);
  const listener = new Listener(
    settings,
    (window) => classifier.classify(window),
    (moment) => current() && showLive(moment, listener),
    (error) => current() && stop().then(() => fail(error, "runtime-failed")),
  );
  let opened;
  try {
    opened = await Microphone.open(
      here("capture_worklet.js"),
      (samples) => {
        if (!current()) return;
        listener.push(samples);
        recent.write(samples);
        if (recent.total >= METER_SAMPLES) {
          view.showLevel(levelDbfs(recent.read(recent.total - METER_SAMPLES, METER_SAMPLES)));
        }
      },
      (problem) => current() && stop().then(() => fail(problem)),
    );
  } catch (error) {
    if (!current()) return;
    ready("Not listening.");
    return fail(error, "microphone-failed");
  }
  if (!current()) return opened.close(); // it was lost while it was being opened
  microphone = opened;
  listening = true;
  lastEnd = 0;
  view.clear("Last 30 seconds");
  view.showState("listening");
  view.showWord("Listening");
  view.showNote(`The first answer comes after ${windowS()} seconds.`);
  view.announce("Listening", "listening", true);
  tell("listening", { rate: microphone.rate });
  keepAwake();
}

let lastEnd = 0; // of the moments on the timeline
let lastTop = "";
function showLive(moment, listener) {
  view.addMoment(moment, addedFrom(moment, lastEnd));
  const text = view.showMoment(moment);
  lastEnd = moment.end;
  const subject = text.split(",")[0];
  // announced once it has held for two windows: a change of mind in between is no news
  if (subject === lastTop) view.announce(text, subject);
  lastTop = subject;
  const late = listener.dropped ? ` ${listener.dropped} windows were left out: this device is busy.` : "";
  view.showNote(
    (moment.speech
      ? `${text.split(", ")[1]} of the belief.`
      : `Quieter than ${bundle.settings.gateDbfs} dBFS for ${windowS()} s.`) + late,
  );
  showTime(moment.ms);
  tell("moment", moment);
}

async function stop() {
  // all of it before anything is waited for: the next click must not find a microphone that is about to close
  const closing = microphone;
  microphone = null;
  listening = false;
  session++;
  view.showState("closing");
  letSleep();
  await closing?.close();
  view.showLevel(null);
  view.announce("Stopped", "stopped", true);
  ready("Stopped.");
}

let wakeLock = null;
async function keepAwake() {
  const mine = session;
  try {
    const lock = await navigator.wakeLock?.request("screen"); // a phone that sleeps stops listening
    if (session === mine) wakeLock = lock;
    else await lock?.release();
  } catch {
    // battery saver: then it sleeps
  }
}

function letSleep() {
  wakeLock?.release().catch(() => {}); // the browser took it back already
  wakeLock = null;
}

async function judge(file) {
  if (!classifier || busy()) return;
  if (listening) await stop();
  view.showProblem(null);
  view.showState("file");
  view.showWord("…");
  view.showNote(`Reading ${file.name}.`);
  try {
    const samples = await decode(file);
    const seconds = samples.length / SAMPLE_RATE;
    view.clear(`${file.name}, ${seconds.toFixed(1)} s`, seconds, false);
    const heard = [];
    let shown = -Infinity;
    for await (const moment of moments(samples, bundle.settings, (window) => classifier.classify(window))) {
      view.addMoment(moment, addedFrom(moment, heard.at(-1)?.end ?? 0));
      heard.push({ ...moment, samples: null }); // half an hour's windows would fill a phone's memory
      if (performance.now() - shown < SHOW_EVERY_MS) continue;
      shown = performance.now();
      view.showMoment(moment);
      showTime(moment.ms);
    }
    showFile(file, heard);
  } catch (error) {
    ready("Not listening.");
    fail(error, "file-unreadable");
  }
}

function showFile(file, heard) {
  const { probabilities, top, speech } = summary(heard);
  const name = bundle.settings.classes[top];
  ready("");
  view.showBelief(probabilities, !speech);
  view.describeTimeline();
  view.showWord(speech ? name : "No speech", !speech);
  const whole = speech ? `${Math.round(100 * probabilities[top])} % over the whole of ${file.name}` : file.name;
  view.showNote(whole);
  view.announce(`${speech ? name : "No speech"}, ${whole}`, file.name, true);
  tell("file", { name: file.name, probabilities, emotion: name, speech, moments: heard });
}

function takeDrops() {
  const veil = byId("drop");
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!holdsFiles(event)) return;
    event.preventDefault();
    judge(event.dataTransfer.files[0]);
  });
}

async function showCard() {
  if (!byId("card").open || byId("card-text").hasChildNodes()) return;
  try {
    byId("card-text").innerHTML = cardHtml(await bundle.card());
  } catch (error) {
    byId("card-text").textContent = asProblem(error, "model-missing").message;
  }
}

async function keepOffline() {
  if (!navigator.serviceWorker) return; // an insecure page; it works all the same, with a connection
  try {
    await navigator.serviceWorker.register(here("sw.js"));
    await navigator.serviceWorker.ready;
    // put there last of all that the page needs (src/sw.js)
    const whole = classifier && (await caches.match(here("bundle/bundle.json")));
    if (!whole) return tell("offline", "the model isn't kept");
    byId("offline").textContent = "Saved on this device: works without a connection.";
    tell("offline", true);
  } catch (error) {
    tell("offline", String(error)); // no storage left, a private window, a certificate that isn't trusted
  }
}

const busy = () => ["opening", "closing", "file"].includes(document.body.dataset.state);
// the second click of a double click is none
byId("start").addEventListener("click", ({ detail }) => detail > 1 || busy() || (listening ? stop() : start()));
byId("choose").addEventListener("click", () => busy() || byId("file").click());
byId("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) judge(target.files[0]);
  target.value = ""; // the same file may be chosen again
});
byId("card").addEventListener("toggle", showCard);
document.addEventListener("visibilitychange", () => {
  if (listening && document.visibilityState === "visible") keepAwake(); // browsers let go of it with a hidden page
});
addEventListener("unhandledrejection", (event) => fail(event.reason, "runtime-failed"));
takeDrops();
prepare().then(keepOffline);
