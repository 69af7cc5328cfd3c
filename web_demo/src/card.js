// The model card, and what the model can't know, from the bundle.

import { micromark } from "micromark";
import { gfmTable, gfmTableHtml } from "micromark-extension-gfm-table";

/** A model card as HTML: CommonMark and tables; HTML in it is shown as text, unsafe addresses are dropped. */
export function cardHtml(markdown) {
  return micromark(markdown, { extensions: [gfmTable()], htmlExtensions: [gfmTableHtml()] });
}

// Results of these were measured on speakers of whom the model had heard nothing.
const OTHER_SPEAKERS = ["speaker_independent", "cross_corpus"];

/** Sentences on how far this model can be trusted. @param {object} info of bundle.json  @returns {string[]} */
export function limits(info) {
  const lines = [
    "It hears how a voice sounds. It doesn't know what a person feels, means or will do, and doesn't understand words.",
  ];
  const corpora = info.created_from?.corpora ?? [];
  if (corpora.length) {
    const named = corpora.map((c) => `${c.title}${c.n_speakers ? `, ${c.n_speakers} speakers` : ""}`).join("; ");
    lines.push(`It learned from ${named}. Other voices, languages, ages, rooms and microphones are strange to it.`);
  }
  const estimate = info.uar_estimate?.[info.default];
  const { protocol, leaky } = info.created_from ?? {};
  if (estimate && OTHER_SPEAKERS.includes(protocol) && !leaky) {
    // Of all recordings: the UAR beside it is a mean over emotions, and no share of cases.
    lines.push(
      "On recordings of speakers that it had never heard it named the right one of " +
        `${info.classes.length} emotions in ${Math.round(100 * estimate.wa)} of 100 cases. ` +
        "On you it may well do worse.",
    );
  } else {
    lines.push("How often it is right on voices that it never heard was not measured.");
  }
  lines.push(
    "It always picks from its own list: an emotion that isn't there, a cough or music gets one of these names, too.",
    "Don't use it to decide anything about people.",
  );
  return lines;
}
