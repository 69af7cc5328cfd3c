"""The part of a model card that says what a person gets who speaks to the model: before the figures on files."""

from __future__ import annotations

from collections.abc import Sequence

from ser_keras.evaluation.live_words import worst_words
from ser_keras.export.bundle_json import LiveEstimate
from ser_keras.export.figures import figure, percent, with_interval

TITLE = "## What it reaches in a room"
NOT_MEASURED = "Not measured (`ser-keras evaluate RUN --live --corpus NAME=PATH` before the export does it)."
ABOUT = (
    "Streams in which people speak, pause and stop, with room tone before, under and after, half of them in a "
    "simulated room (`docs/live.md`); judged is what a display says half a second after the last word. The Keras "
    "models of the run, each on people that it had not heard unless a row says otherwise; `test`: the folds' own test "
    "speakers."
)
HEAD = (
    "| heard live | classes | utterances, speakers | UAR [95 % interval] | WA | right within 2 s | changes a minute |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def live_section(live: Sequence[LiveEstimate]) -> str:
    """Markdown text; the headline is that of the first evaluation."""
    if not live:
        return f"{TITLE}\n\n{NOT_MEASURED}"
    mean = _mean_of_corpora(live)
    lines = [TITLE, "", f"**{live[0]['headline']}**", *mean, "", ABOUT, "", *HEAD, *map(_row, live)]
    notes = [note for row in live for note in _notes(row)]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _mean_of_corpora(live: Sequence[LiveEstimate]) -> list[str]:
    """The mean over the corpora that the model never heard and that nothing was chosen on, where there are several."""
    by_name = {
        _name(row): row["uar"]
        for row in live
        if not (row["leaky"] or row["chosen_on"]) and row["codec"] == "none" and row["classes"] == live[0]["classes"]
    }
    uars = {name: uar for name, uar in by_name.items() if uar is not None and name != "test"}
    if len(uars) < 2:
        return []
    lowest = min(uars, key=lambda name: uars[name])
    mean = sum(uars.values()) / len(uars)
    return ["", f"Mean of {', '.join(sorted(uars))}: UAR {mean:.3f}; lowest {uars[lowest]:.3f} ({lowest})."]


def _row(row: LiveEstimate) -> str:
    changes = "n/a" if row["changes_a_minute"] is None else f"{row['changes_a_minute']:.1f}"
    return (
        f"| {_name(row)}{_marks(row)} | {len(row['classes'])} | {row['n']}, {row['n_speakers']} "
        f"| {with_interval(row['uar'], row['ci95'])} | {figure(row['wa'])} | {percent(row['first_right_within_2_s'])} "
        f"| {changes} |"
    )


def _name(row: LiveEstimate) -> str:
    return row["name"].removesuffix("-live")


def _marks(row: LiveEstimate) -> str:
    """What makes a row look better than it is."""
    marks = ["**trained on these**"] if row["leaky"] else []
    marks += ["recipe chosen on these"] if row["chosen_on"] else []
    return f" ({', '.join(marks)})" if marks else ""


def _notes(row: LiveEstimate) -> list[str]:
    """For whom it is worst, and what people made of the same speech."""
    notes = []
    if worst := row["worst"]:
        notes.append(f"- {_name(row)}: {worst_words(worst)}.")
    if row["listeners"] is not None:
        notes.append(
            f"- {_name(row)}: people who heard the same takes, the sound alone, named {percent(row['listeners'])} as "
            "the actor was asked, choosing between six emotions."
        )
    return notes
