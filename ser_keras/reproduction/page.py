"""reproduce.html: the tables with confusion matrices, learning curves and pictures of weights, in one file."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from ser_keras.evaluation import MEASURES, Estimate, confusion
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.page import Picture, picture, write_page
from ser_keras.evaluation.reports.run_data import load_run
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.reproduction import claims as judging
from ser_keras.reproduction import rows, table
from ser_keras.reproduction.metrics import OverFolds
from ser_keras.reproduction.notes import notes
from ser_keras.reproduction.outcomes import Outcome

PICTURES = {
    "curve.png": "curve",
    "stages.png": "stages",
    "beliefs.png": "beliefs in each emotion over the spectrograms of a file",
    "weights.png": "first-layer weights",
    "filters.png": "filters beside the features that they go with",
}


class ShownRow(TypedDict, total=False):
    """A row for the template; of one without metrics, the first keys alone."""

    row: rows.Row
    problem: str | None
    seconds: float | None
    report: str | None
    pictures: list[tuple[str, Picture]]
    reported: float | None
    deviation: float | None
    metric: Estimate
    over_folds: OverFolds
    uar: Estimate
    n: int
    speakers: int
    classes: list[str]
    trained: str
    learned: str
    confusion: list[list[tuple[int, float]]]  # count, share of the true class


def write(directory: Path, heading: Sequence[str], outcomes: Sequence[Outcome]) -> Path:
    """Write the page.

    Args:
        directory: where it goes.
        heading: lines that stand above the tables.
        outcomes: rows that were run or refused.

    Returns:
        Path of the page.
    """
    path = directory / "reproduce.html"
    verdicts = judging.judge(outcomes)
    parts = [
        {
            "name": setup.replace("_", " "),
            "claim": PROTOCOLS[of_setup[0].protocol].claim,
            "leaky": of_setup[0].leaky,
            "rows": [_row(o) for o in of_setup],
            "methods": list(dict.fromkeys(o.metric.method for o in of_setup if o.has_metrics)),
            "notes": notes(of_setup),
            "verdicts": [v for v in verdicts if v.setup == setup],
        }
        for setup, of_setup in table.by_setup(outcomes).items()
    ]
    titles = [rows.paper_title(name) for name in dict.fromkeys(o.row.paper for o in outcomes)]
    write_page(
        path,
        "reproduction.html",
        folders=[Path(__file__).parent],
        titles=titles,
        heading=heading,
        parts=parts,
        measures=MEASURES,
    )
    return path


def _row(outcome: Outcome) -> ShownRow:
    row = outcome.row
    shown: ShownRow = {
        "row": row,
        "problem": outcome.problem,
        "seconds": outcome.seconds,
        "report": None,
        "pictures": [],
        "reported": outcome.reported.test,
        "deviation": outcome.reported.deviation,
    }
    if outcome.problem is not None:
        return shown
    shown["pictures"] = _pictures(outcome)
    if (outcome.folder / "report.html").is_file():
        shown["report"] = f"{row.id}/{outcome.protocol}/report.html"
    if row.level is None:
        return shown
    judged = outcome.table
    matrix = confusion(judged.true, judged.predicted, len(judged.classes)).tolist()
    return {
        **shown,
        "metric": outcome.metric,
        "over_folds": outcome.over_folds,
        "uar": outcome.uar,
        "n": len(judged),
        "speakers": outcome.metrics["n_speakers"],
        "classes": list(judged.classes),
        "trained": table.trained(outcome),
        "learned": table.learned(outcome),
        "confusion": [[(count, count / max(sum(counts), 1)) for count in counts] for counts in matrix],
    }


def _pictures(outcome: Outcome) -> list[tuple[str, Picture]]:
    """What the row draws: captions, and pictures for the template."""
    pictures: list[tuple[str, Picture]] = []
    for name, words in PICTURES.items():
        if (outcome.folder / name).is_file():
            pictures.append((words, _file(outcome.folder / name, f"{outcome.row.id}: {words}")))
    if "curves" in outcome.row.draws:
        histories = load_run(outcome.folder).histories
        alt = f"Learning curves of {outcome.row.id}: accuracy and loss over epochs"
        curves = picture(lambda theme: plots.learning_curves(histories, theme), alt)
        pictures += [("learning curves", curves)] if curves else []
    return pictures


def _file(path: Path, alt: str) -> Picture:
    """A PNG file as the template's picture; the same in light and dark."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # PNG's first chunk
    encoded = base64.b64encode(content).decode()
    scale = 100 / plots.DPI
    return {
        "light": encoded,
        "dark": encoded,
        "width": round(width * scale),
        "height": round(height * scale),
        "alt": alt,
    }
