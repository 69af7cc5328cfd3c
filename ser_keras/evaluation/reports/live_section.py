"""The section "Heard live" of a run's report."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from ser_keras.evaluation.live_json import LiveEvaluationJson
from ser_keras.evaluation.live_words import BY, details, headline
from ser_keras.evaluation.reports.page import Picture, stored_picture


class GroupRow(TypedDict):
    """A group of the utterances; `by` is empty where the row above says it."""

    by: str
    group: str
    n: int
    uar: float | None
    worst: bool


class LivePart(TypedDict):
    """What the template shows of one evaluation."""

    name: str
    leaky: bool
    headline: str
    details: str
    streams: str
    rows: list[GroupRow]
    picture: Picture | None


def live_parts(folder: Path, live: dict[str, LiveEvaluationJson]) -> list[LivePart]:
    """One part for each evaluation that was heard live.

    Args:
        folder: where the evaluations lie.
        live: name of an evaluation -> content of its metrics.json.
    """
    return [
        {
            "name": name,
            "leaky": content["leaky"],
            "headline": headline(content),
            "details": details(content),
            "streams": _streams(content),
            "rows": _rows(content),
            "picture": stored_picture(
                folder / name / "stream.png",
                "A stream: its sound and speakers, the emotion that is said, the one that the display shows, and the "
                "belief in each class over time",
            ),
        }
        for name, content in live.items()
    ]


def _streams(content: LiveEvaluationJson) -> str:
    streams = content["streams"]
    return (
        f"{content['n_utterances']} of {content['n_available']} utterances of {content['n_speakers']} speakers, in "
        f"{streams['n_streams']} streams of {streams['hours']:.1f} hours in all, seed {content['seed']}, codec "
        f"{streams['codec']}: {content['protocol']}."
    )


def _rows(content: LiveEvaluationJson) -> list[GroupRow]:
    """Every group of what divides the utterances."""
    worst = content["live"]["worst"]
    rows: list[GroupRow] = []
    for by, groups in content["live"]["groups"].items():
        if len(groups) < 2:
            continue
        for i, (group, figures) in enumerate(groups.items()):
            rows.append(
                {
                    "by": "" if i else BY.get(by, by),
                    "group": group,
                    "n": figures["n"],
                    "uar": figures["uar"],
                    "worst": worst is not None and (worst["by"], worst["group"]) == (by, group),
                }
            )
    return rows
