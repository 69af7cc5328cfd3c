"""What a search has found so far, as tables: one row a trial, `trials.csv`, TensorBoard's HParams."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ser_keras.common.files import write_atomic
from ser_keras.tuning.durable_oracle import SCORE
from ser_keras.tuning.objective import COSTS, short_name
from ser_keras.tuning.trials import BUDGET, describe, figures_of
from ser_keras.tuning.values import Value

if TYPE_CHECKING:
    from keras_tuner.engine.trial import Trial

    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.space import Axis

Status = Literal["running", "waiting", "completed", "stopped", "rejected", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial: its settings, where it stands, what it came to.

    Attributes:
        rank: 1 is the best; None of a trial that cannot win, and before the search is over.
        id: its name.
        status: where it stands; `waiting`: it lost its worker. `rejected`: over a limit before training.
        values: axis name -> value.
        epochs: trained for so many, where the strategy decides it, or None.
        folds: UAR of the folds done.
        uar: their mean, or None.
        uar_sd: their standard deviation, or None.
        score: what the search maximises, or None.
        figures: what is measured beside UAR: `int8_kb` and `latency_ms` where they matter, measures of one's own.
        message: why it failed.
    """

    id: str
    status: Status
    values: dict[str, Value]
    epochs: int | None
    folds: list[float]
    uar: float | None
    uar_sd: float | None
    score: float | None
    figures: dict[str, float]
    message: str | None
    rank: int | None = None

    @property
    def all_values(self) -> dict[str, Value]:
        """The values, with the epochs that a two-stage strategy gave the trial."""
        return {**self.values, **({BUDGET: self.epochs} if self.epochs else {})}

    @property
    def settings_text(self) -> str:
        """The values in one line."""
        return describe(self.all_values)

    def __str__(self) -> str:
        """The result in words."""
        if self.status == "failed":
            return f"failed: {' '.join((self.message or 'see its log').split())}"
        costs = [
            f"{self.figures[n]:.{d}f} {u}"
            for n, d, u in (("int8_kb", 0, "kB"), ("latency_ms", 2, "ms"))
            if n in self.figures
        ]
        if self.status == "rejected":
            return f"over the limit: {', '.join(costs)}"
        uar = math.nan if self.uar is None else self.uar
        spread = f" ± {100 * self.uar_sd:.1f}" if self.uar_sd is not None else ""
        stopped = f", stopped after {len(self.folds)} folds" if self.status == "stopped" else ""
        further = [f"{short_name(n)} {value:.4g}" for n, value in self.figures.items() if n not in COSTS]
        return ", ".join([f"UAR {100 * uar:.1f}{spread}{stopped}", *further, *costs])


def is_ours(figure: str) -> bool:
    """Whether a figure that a trial reports is of the search itself, no measure."""
    return figure in ("uar", "uar_sd", "folds_done", "stopped", "rejected", SCORE.name) or figure.startswith("fold_")


def rows(oracle: Durable) -> list[TrialResult]:
    """A TrialResult for each trial of an oracle, in order."""
    with oracle.guard:
        running = {t.trial_id for t in oracle.ongoing_trials.values()}
        return [_row(trial, running) for _, trial in sorted(oracle.trials.items())]


def _row(trial: Trial, running: set[str]) -> TrialResult:
    figures, values = figures_of(trial), trial.hyperparameters.values
    status = trial.status.lower()
    if status == "running" and trial.trial_id not in running:
        status = "waiting"
    if status == "completed":
        status = "stopped" if figures.get("stopped") else "rejected" if figures.get("rejected") else status
    return TrialResult(
        id=trial.trial_id,
        status=status,
        values={k: v for k, v in values.items() if not k.startswith("tuner/")},
        epochs=values.get(BUDGET),
        folds=[figures[f"fold_{k}"] for k in range(int(figures.get("folds_done", 0))) if f"fold_{k}" in figures],
        uar=figures.get("uar"),
        uar_sd=figures.get("uar_sd"),
        score=trial.score if trial.status == "COMPLETED" else None,
        figures={name: value for name, value in figures.items() if not is_ours(name)},
        message=trial.message,
    )


def ranked(table: Sequence[TrialResult]) -> list[TrialResult]:
    """The rows that may win, the best first."""
    return sorted((r for r in table if r.status == "completed"), key=lambda r: (-(r.score or 0.0), r.id))


def in_order_of_rank(table: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """The trials with their ranks: those that may win, the best first, then the others."""
    best = [dataclasses.replace(r, rank=i) for i, r in enumerate(ranked(table), start=1)]
    ids = {r.id for r in best}
    return (*best, *(r for r in table if r.id not in ids))


def write(folder: Path, table: Sequence[TrialResult], axes: Sequence[Axis]) -> None:
    """`trials.csv` and, where TensorBoard is installed, its HParams."""
    write_csv(folder / "trials.csv", table, axes)
    with contextlib.suppress(ImportError):
        write_hparams(folder / "tensorboard", table, axes)


def write_csv(path: Path, table: Sequence[TrialResult], axes: Sequence[Axis]) -> None:
    """`trials.csv`: a row a trial; a setting that doesn't count in a trial is left empty."""
    n_folds = max((len(r.folds) for r in table), default=0)
    names = [axis.name for axis in axes]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    folds = [f"fold_{k}" for k in range(n_folds)]
    measures = [*COSTS, *further_names(table)]
    writer.writerow(["trial", "status", *names, "epochs", "uar", "uar_sd", *folds, *measures, "score", "message"])
    for r in table:
        measured = [*r.folds, *[None] * (n_folds - len(r.folds)), *(r.figures.get(n) for n in measures)]
        message = " ".join(r.message.split()) if r.message else None
        writer.writerow(
            [r.id, r.status, *(r.values.get(n) for n in names), r.epochs]
            + [_short(v) for v in (r.uar, r.uar_sd, *measured, r.score)]
            + [message]
        )
    write_atomic(path, text.getvalue())


def further_names(table: Sequence[TrialResult]) -> list[str]:
    """The names of what is measured beside UAR and costs."""
    return [name for name in dict.fromkeys(name for r in table for name in r.figures) if name not in COSTS]


def _short(value: float | None) -> float | None:
    """Six digits; nothing of what isn't a number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def write_hparams(folder: Path, table: Sequence[TrialResult], axes: Sequence[Axis]) -> None:
    """One TensorBoard run a finished trial, with its settings and figures; those that are there stay."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    for r in table:
        place = folder / r.id
        if r.status not in ("completed", "stopped") or place.is_dir():
            continue
        with tf.summary.create_file_writer(str(place)).as_default():
            shown = {a.name: r.values.get(a.name, "-") for a in axes} | ({"epochs": r.epochs} if r.epochs else {})
            api.hparams(shown, trial_id=r.id)
            for name, value in {"uar": r.uar, "uar_sd": r.uar_sd, "score": r.score, **r.figures}.items():
                if value is not None:
                    tf.summary.scalar(name, value, step=0)
