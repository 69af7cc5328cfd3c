// The model card, and what the model can't know, from the bundle.

import { micromark } from "micromark";
import { gfmTable, gfmTableHtml } from "micromark-extension-gfm-table";

/** A model card as HTML: CommonMark and tables; HTML in it is shown as text, unsafe addresses are dropped. */
export function cardHtml(markdown) {
  return micromark(markdown, { extensions: [gfmTable()], htmlExtensions: [gfmTableHtml()] });
}

// Results of these were measured on speakers of whom the model had heard nothing.
const OTHER_SPEAKERS = ["speaker_independent", "cross_corpus"];
const NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

const word = (n) => NUMBERS[n] ?? String(n);
const ofTen = (share) => word(Math.floor(10 * share + 0.5));
const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;

/**
 * How often this model is right: in a room first, on files second; as ser_keras/runtime/reach.py says it.
 *
 * @param {object} info of bundle.json; what isn't in it was not measured
 * @returns {string[]} two or three sentences
 */
export function reach(info) {
  return [...live(info), onFiles(info)];
}

/** The first of the evaluations heard live, where it was of people of whom the model had heard nothing. */
function live(info) {
  const first = info.live?.[0];
  const protocol = first?.protocol?.split(",")[0];
  const ownFolds = protocol === info.created_from?.protocol;
  const unseen = first?.leaky === false && !(ownFolds && !OTHER_SPEAKERS.includes(protocol));
  if (!unseen || !isShare(first.uar) || !first.classes) {
    return ["How often it is right on people in a room was not measured live."];
  }
  const sentence =
    `On people that it never heard, in a room, it names the right one of ${word(first.classes.length)} emotions ` +
    `in about ${ofTen(first.uar)} of ten cases.`;
  if (!first.chosen_on) return [sentence];
  return [sentence, "Its settings were chosen on such recordings of these people, so expect less."];
}

function onFiles(info) {
  const estimate = info.uar_estimate?.[info.default];
  const { protocol, leaky } = info.created_from ?? {};
  if (!OTHER_SPEAKERS.includes(protocol) || leaky || !isShare(estimate?.wa)) {
    return "How often it is right on recordings of speakers that it never heard was not measured.";
  }
  // Of all recordings: the UAR beside it is a mean over emotions, and no share of cases.
  return (
    "On recordings like those that it learned from, of speakers that it never heard: the right one of " +
    `${word(info.classes.length)} in about ${ofTen(estimate.wa)} of ten.`
  );
}

/** Sentences on how far this model can be trusted. @param {object} info of bundle.json  @returns {string[]} */
export function limits(info) {
  const lines = [
    ...reach(info),
    "It hears how a voice sounds. It doesn't know what a person feels, means or will do, and doesn't understand words.",
  ];
  const corpora = info.created_from?.corpora ?? [];
  if (corpora.length) {
    const named = corpora.map((c) => `${c.title}${c.n_speakers ? `, ${c.n_speakers} speakers` : ""}`).join("; ");
    lines.push(`It learned from ${named}. Other voices, languages, ages, rooms and microphones are strange to it.`);
  }
  lines.push(
    "It always picks from its own list: an emotion that isn't there, a cough or music gets one of these names, too.",
    "It is for trying out, research and teaching. Don't use it to decide anything about people, and tell them when it " +
      "listens.",
  );
  return lines;
}
