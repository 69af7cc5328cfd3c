"""What a model reaches live, in plain words: for reports, cards and the terminal."""

from __future__ import annotations

from ser_keras.common.text import number_word, of_ten
from ser_keras.evaluation.live_json import DisplayMetrics, LiveEvaluationJson, WorstGroup
from ser_keras.experiment.protocols import PROTOCOLS

BY = {
    "level_dbfs": "speech level, dBFS",
    "tone_dbfs": "room tone, dBFS",
    "tone": "kind of room tone",
    "room": "room",
    "microphone": "microphone",
    "codec": "codec",
    "gender": "gender",
    "language": "language",
    "corpus": "corpus",
}
HEARD_LIVE = ", heard live"  # the end of a protocol's name


def headline_figures(content: LiveEvaluationJson) -> tuple[DisplayMetrics, str]:
    """The figures that speak for a model, and over which classes: four, or all where it has not two of these."""
    four = content["live"]["four_classes"]
    figures: DisplayMetrics = four or content["live"]
    return figures, f"{number_word(len(figures['classes']))} classes"


def headline(content: LiveEvaluationJson) -> str:
    """In how many of ten cases the display is right, and what guessing would be, as sentences.

    Every class counts alike, as in the UAR.
    """
    figures, classes = headline_figures(content)
    if figures["uar"] is None:
        return "Nothing was heard live."
    low, high = figures["uar_ci95"]
    interval = "" if low is None or high is None else f", 95 % interval {low:.3f} to {high:.3f}"
    guessing = 10 / len(figures["classes"])
    return (
        f"{_heard(content)}, in a room: right in {of_ten(figures['uar'])} of ten cases of {classes} "
        f"(UAR {figures['uar']:.3f}{interval}; guessing: {guessing:.2g} of ten)."
    )


def _heard(content: LiveEvaluationJson) -> str:
    """On whom it was judged."""
    if content["leaky"]:
        return "LEAKY, on speech or speakers that it was trained on"
    kind = PROTOCOLS.get(content["protocol"].partition(",")[0])
    known = kind is not None and kind.unseen not in ("speaker", "corpus")
    return "On utterances that it never heard" if known else "On speakers that it never heard"


def worst_words(worst: WorstGroup) -> str:
    """For whom it is worst."""
    by = BY.get(worst["by"], worst["by"])
    return f"worst group, by {by}: {worst['group']}, UAR {worst['uar']:.3f} of {worst['n']} utterances"


def details(content: LiveEvaluationJson) -> str:
    """How soon and how steadily the display is right, and for whom it is worst, as sentences."""
    figures, _ = headline_figures(content)
    first, changes = figures["first_right"], figures["changes_a_minute"]
    sentences = []
    if first["within_2_s"] is not None:
        median = "half of the utterances or more never are" if first["median_s"] is None else None
        median = median or f"the median is {first['median_s']:.1f} s"
        share = 100 * first["within_2_s"]
        sentences.append(
            f"{share:.0f} % of the utterances are first named right within 2 s of the first word; {median}."
        )
    if changes is not None:
        sentences.append(
            f"While somebody speaks, the display changes {changes:.1f} times a minute; "
            f"{figures['unsettled_a_minute']:.1f} of these are not the one change that a new utterance may need."
        )
    if figures["silent"]:
        sentences.append(f"{figures['silent']} of {figures['n']} utterances got no answer and count as wrong.")
    if worst := content["live"]["worst"]:
        sentences.append(f"The {worst_words(worst)}.")
    if (listeners := content["listeners"]) and listeners["share"] is not None:
        sentences.append(
            f"People who heard {listeners['n_takes']} of these takes, the sound alone, named "
            f"{100 * listeners['share']:.0f} % as the actor was asked, choosing between six emotions."
        )
    if content["selection_overlap"]:
        sentences.append(
            f"The settings were chosen on these speakers or corpora ({content['selection_overlap']} utterances): the "
            "figures are too good."
        )
    return " ".join(sentences)
