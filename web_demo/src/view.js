// What the person sees and hears read out; knows nothing of audio or models.

import { Timeline } from "./timeline.js";

const LEVEL_RANGE = [-80, 0]; // dBFS across the meter
const ANNOUNCE_EVERY_MS = 5000; // a screen reader is told no more often
const LIVE_SPAN_S = 30;

const byId = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;

export class View {
  constructor() {
    this.announced = { text: "", at: -Infinity };
    this.level = { shown: LEVEL_RANGE[0], told: 0 };
  }

  /** @param {{classes: string[], gateDbfs: number|null}} settings */
  showModel(settings) {
    this.classes = settings.classes;
    const bars = settings.classes.map((name) => {
      const row = document.createElement("li");
      row.innerHTML =
        '<span class="name"></span><div class="meter" role="meter" aria-valuemin="0" aria-valuemax="100">' +
        '<div class="fill"></div></div><span class="number" aria-hidden="true"></span>';
      row.querySelector(".name").textContent = name;
      row.querySelector(".meter").setAttribute("aria-label", name);
      return row;
    });
    byId("bars").replaceChildren(...bars);
    this.timeline = new Timeline(byId("timeline"), settings.classes);
    const gate = byId("level-gate");
    gate.hidden = settings.gateDbfs === null;
    if (!gate.hidden) gate.style.left = `${100 * onMeter(settings.gateDbfs)}%`;
    this.showBelief(null, true);
  }

  /** @param {string[]} sentences */
  showLimits(sentences) {
    byId("limits").replaceChildren(...sentences.map((text) => element("li", text)));
  }

  /** @param {[string, string][]} facts name and value */
  showFacts(facts) {
    byId("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  }

  /** The two buttons. @param {"loading"|"idle"|"opening"|"listening"|"closing"|"file"} state */
  showState(state) {
    const start = byId("start");
    start.textContent = state === "listening" ? "Stop" : "Start listening";
    for (const button of [start, byId("choose")]) {
      button.disabled = state === "loading";
      // not `disabled` while something short goes on: a button that has the focus would lose it
      button.setAttribute("aria-disabled", state === "opening" || state === "closing" || state === "file");
    }
    document.body.dataset.state = state;
  }

  /** The line under the large word. */
  showNote(text) {
    byId("note").textContent = text;
  }

  /** The large word. @param {boolean} quiet printed fainter: no emotion */
  showWord(text, quiet = true) {
    const word = byId("emotion");
    word.textContent = text;
    word.classList.toggle("quiet", quiet);
  }

  /** Nothing heard yet, of a new stream or file. @param {string} title over the timeline */
  clear(title, span = LIVE_SPAN_S, live = true) {
    byId("timeline-title").textContent = title;
    this.timeline.clear(span, live);
    this.showBelief(null, true);
    this.announced = { text: "", at: -Infinity };
  }

  /** A moment on the timeline. @param {number} since seconds: where the stretch begins that it adds */
  addMoment({ end, belief, speech }, since) {
    this.timeline.add({ start: since, end, belief: speech ? belief : null });
  }

  /**
   * A moment on the bars and in the large word.
   *
   * @param {import("./hearing.js").Moment} moment
   * @returns {string} what it comes to
   */
  showMoment({ belief, speech }) {
    this.showBelief(belief, !speech);
    const top = belief && belief.indexOf(Math.max(...belief));
    if (speech) this.showWord(this.classes[top], false);
    else this.showWord("No speech");
    const said = speech ? `${this.classes[top]}, ${percent(belief[top])}` : "No speech";
    this.describeTimeline();
    return said;
  }

  showBelief(belief, quiet) {
    const top = belief ? belief.indexOf(Math.max(...belief)) : -1;
    byId("bars").classList.toggle("quiet", quiet);
    for (const [i, row] of [...byId("bars").children].entries()) {
      const p = belief ? belief[i] : 0;
      row.classList.toggle("strongest", i === top && !quiet);
      row.querySelector(".fill").style.width = `${100 * p}%`;
      row.querySelector(".number").textContent = belief ? percent(p) : "–";
      const meter = row.querySelector(".meter");
      meter.setAttribute("aria-valuenow", Math.round(100 * p));
      meter.setAttribute("aria-valuetext", belief ? percent(p) : "nothing heard");
    }
  }

  /** The timeline in words, for whoever can't see it. */
  describeTimeline() {
    const { columns } = this.timeline;
    const seconds = new Map();
    for (const { start, end, belief } of columns) {
      const name = belief ? this.classes[belief.indexOf(Math.max(...belief))] : "no speech";
      seconds.set(name, (seconds.get(name) ?? 0) + end - start);
    }
    const parts = [...seconds].sort((a, b) => b[1] - a[1]).map(([name, s]) => `${name} ${s.toFixed(1)} seconds`);
    byId("timeline").setAttribute("aria-label", `Strongest over time: ${parts.join(", ")}`);
  }

  /** @param {number|null} dbfs of the last tenth of a second; null: not listening */
  showLevel(dbfs) {
    const shown = dbfs === null ? LEVEL_RANGE[0] : Math.max(dbfs, this.level.shown - 2); // falls slowly, rises at once
    this.level.shown = Math.max(LEVEL_RANGE[0], shown);
    byId("level-fill").style.width = `${100 * onMeter(this.level.shown)}%`;
    const now = performance.now();
    if (dbfs !== null && now - this.level.told < 250) return;
    this.level.told = now;
    const text = dbfs === null ? "–" : dbfs < LEVEL_RANGE[0] ? "silent" : `${Math.round(dbfs)} dBFS`;
    byId("level-number").textContent = text;
    byId("level").setAttribute("aria-valuenow", Math.round(this.level.shown));
    byId("level").setAttribute("aria-valuetext", text === "–" ? "not listening" : text);
  }

  /**
   * For screen readers: what is new, and not too often.
   *
   * @param {string} subject what has to change to be worth telling
   * @param {boolean} urgent however short a time ago the last was
   */
  announce(text, subject = text, urgent = false) {
    const now = performance.now();
    if (subject === this.announced.text || (!urgent && now - this.announced.at < ANNOUNCE_EVERY_MS)) return;
    this.announced = { text: subject, at: now };
    byId("announcer").textContent = text;
  }

  /** @param {import("./problems.js").Problem|null} problem */
  showProblem(problem) {
    byId("problem").hidden = !problem;
    document.body.dataset.problem = problem?.kind ?? "";
    if (!problem) return;
    byId("problem-title").textContent = problem.title;
    byId("problem-advice").textContent = problem.advice;
    byId("problem-detail").textContent = problem.detail;
    byId("problem").scrollIntoView({ block: "nearest" });
  }
}

function onMeter(dbfs) {
  const [low, high] = LEVEL_RANGE;
  return Math.min(1, Math.max(0, (dbfs - low) / (high - low)));
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
