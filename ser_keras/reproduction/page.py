"""reproduce.html: the tables with confusion matrices, learning curves and pictures of weights, in one file."""

import base64
import struct
from pathlib import Path

from ser_keras.evaluation import confusion
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.page import picture, write_page
from ser_keras.evaluation.reports.run_data import load_run
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.reproduction import claims as judging
from ser_keras.reproduction import rows, table
from ser_keras.reproduction.metrics import MEASURES
from ser_keras.reproduction.notes import notes

PICTURES = {
    "curve.png": "curve",
    "stages.png": "stages",
    "beliefs.png": "beliefs in each emotion over the spectrograms of a file",
    "weights.png": "first-layer weights",
    "filters.png": "filters beside the features that they go with",
}


def write(directory, heading, outcomes):
    """Write the page.

    Args:
        directory: Path.
        heading: lines that stand above the tables.
        outcomes: list of running.Outcome.

    Returns:
        Path of the page.
    """
    path = directory / "reproduce.html"
    verdicts = judging.judge(outcomes)
    parts = [
        {
            "name": setup.replace("_", " "),
            "claim": PROTOCOLS[own[0].protocol].claim,
            "leaky": own[0].leaky,
            "rows": [_row(o) for o in own],
            "methods": list(dict.fromkeys(o.figure.method for o in own if o.has_figures)),
            "notes": notes(own),
            "verdicts": [v for v in verdicts if v.setup == setup],
        }
        for setup, own in table.by_setup(outcomes).items()
    ]
    titles = [rows.paper_title(name) for name in dict.fromkeys(o.row.paper for o in outcomes)]
    write_page(
        path,
        "reproduction.html",
        [Path(__file__).parent],
        titles=titles,
        heading=heading,
        parts=parts,
        measures=MEASURES,
    )
    return path


def _row(outcome):
    row = outcome.row
    shown = {"row": row, "problem": outcome.problem, "seconds": outcome.seconds, "report": None, "pictures": []}
    shown["reported"], shown["deviation"] = outcome.reported
    if outcome.problem is not None:
        return shown
    shown["pictures"] = _pictures(outcome)
    if (outcome.folder / "report.html").is_file():
        shown["report"] = f"{row.id}/{outcome.protocol}/report.html"
    if row.level is None:
        return shown
    judged = outcome.judged.at(row.level)
    matrix = confusion(judged.true, judged.predicted, len(judged.classes)).tolist()
    return shown | {
        "figure": outcome.figure,
        "over_folds": outcome.over_folds,
        "uar": outcome.uar,
        "n": len(judged),
        "speakers": outcome.metrics["n_speakers"],
        "classes": list(judged.classes),
        "trained": table.trained(outcome),
        "learned": table.learned(outcome),
        "confusion": [[(count, count / max(sum(counts), 1)) for count in counts] for counts in matrix],
    }


def _pictures(outcome):
    """What the row draws: pictures for the template, with captions."""
    drawn = []
    for name, words in PICTURES.items():
        if (outcome.folder / name).is_file():
            drawn.append((words, _file(outcome.folder / name, f"{outcome.row.id}: {words}")))
    if "curves" in outcome.row.draws:
        histories = load_run(outcome.folder).histories
        alt = f"Learning curves of {outcome.row.id}: accuracy and loss over epochs"
        curves = picture(lambda theme: plots.learning_curves(histories, theme), alt)
        drawn += [("learning curves", curves)] if curves else []
    return drawn


def _file(path, alt):
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
