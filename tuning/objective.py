"""What a trial is judged by: UAR, the bytes of its int8 file, its latency; and limits on them."""

from __future__ import annotations

import dataclasses
import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment import assembly
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.tuning.values import Figures

if TYPE_CHECKING:
    from ser_keras.experiment.settings import Experiment
    from ser_keras.features.extractor import FeatureShape

# name -> (whether more is better, what it is)
MEASURES = {
    "uar": (True, "mean validation UAR"),
    "int8_kb": (False, "size of the exported file with int8 weights, kB"),
    "latency_ms": (False, "time of one window in that file on one thread, ms"),
}
COSTS = ("int8_kb", "latency_ms")
RUNS = 30  # windows that a latency is the median of


class Costs(TypedDict):
    """What a net costs: bytes of its int8 file (1 kB = 1000 bytes), time of a window in it on one thread."""

    int8_kb: float
    latency_ms: float


@dataclasses.dataclass(frozen=True)
class Limit:
    """A bound on a measure."""

    measure: str
    at_most: bool
    bound: float

    def violation(self, value: float) -> float:
        """By what share of the bound a value misses it; 0 where it keeps it."""
        over = value - self.bound if self.at_most else self.bound - value
        return max(0.0, over / max(abs(self.bound), 1e-9))

    def __str__(self) -> str:
        return f"{self.measure}{'<=' if self.at_most else '>='}{self.bound:g}"


def parse_limit(text: str) -> Limit:
    """A Limit from `int8_kb<=500` or `uar>=0.6`.

    Raises:
        SerKerasError: it says something else.
    """
    match = re.fullmatch(r"\s*(\w+)\s*(<=|>=)\s*([-+.\deE]+)\s*", text)
    try:
        if match is None:
            raise ValueError
        name, relation, number = match.groups()
        bound = float(number)
    except ValueError:
        raise SerKerasError(f"`limits` {text}: write MEASURE<=NUMBER or >=, as in int8_kb<=500") from None
    if name not in MEASURES:
        raise SerKerasError(f"`limits` {text}: no measure '{name}'; nearest: {nearest(name, MEASURES)}")
    return Limit(name, relation == "<=", bound)


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a search maximises, or minimises, under limits.

    Attributes:
        measure: a name in MEASURES.
        limits: bounds that the winner must keep.
    """

    measure: str = "uar"
    limits: tuple[Limit, ...] = ()

    @property
    def measures_cost(self) -> bool:
        """Whether trials have to be converted and timed."""
        return self.measure in COSTS or any(limit.measure in COSTS for limit in self.limits)

    def violations(self, figures: Figures) -> dict[Limit, float]:
        """Limit -> by how much it is missed; of the measures that are known so far."""
        misses = {limit: limit.violation(figures[limit.measure]) for limit in self.limits if limit.measure in figures}
        return {limit: miss for limit, miss in misses.items() if miss > 0}

    def out_of_reach(self, uars: Sequence[float], n: int) -> bool:
        """Whether a limit on UAR is missed whatever the folds still to come give.

        Args:
            uars: of the folds done.
            n: number of all folds.
        """
        least, most = sum(uars) / n, (sum(uars) + n - len(uars)) / n
        bounds = [limit for limit in self.limits if limit.measure == "uar"]
        return any(limit.violation(least if limit.at_most else most) > 0 for limit in bounds)

    def score(self, figures: Figures) -> float:
        """One number, larger is better: a trial within all limits is above every trial beyond one.

        Costs count by their logarithm and violations by their share of the bound, so that a Gaussian process sees
        numbers of one size.
        """
        if violations := self.violations(figures):
            return (-1.0 if self.measure == "uar" else -10.0) - min(1.0, sum(violations.values()))
        value = figures[self.measure]
        return value if self.measure == "uar" else -math.log10(max(value, 1e-6))

    def __str__(self) -> str:
        title = MEASURES[self.measure][1]
        return title + (f" with {' and '.join(map(str, self.limits))}" if self.limits else "")


def costs(experiment: Experiment, feature_shape: FeatureShape, n_classes: int) -> Costs:
    """int8 size and latency of a trial's net with untrained weights: training changes neither.

    Args:
        experiment: settings.
        feature_shape: of one window, or of the windows of a sequence.
        n_classes: outputs.

    Returns:
        Costs; the latency is the median of 30 windows.

    Raises:
        SerKerasError: it can't be exported, with the reason.
    """
    if reason := why_not_exportable(experiment):
        raise SerKerasError(f"its size and latency can't be measured: {reason}")
    from ser_keras.export.convert import Conversion, convert
    from ser_keras.models.layers.adaptation import adapt_model
    from ser_keras.runtime.benchmark import latency, noise_window
    from ser_keras.runtime.interpreter import Interpreter

    net = assembly.primary(assembly.build_classifier(experiment, feature_shape, n_classes))
    drawn = np.random.default_rng(0).standard_normal((64, *feature_shape)).astype(np.float32)
    adapt_model(net, lambda subset=None: [drawn])
    model = assembly.with_front_end(experiment)(net)
    with tempfile.TemporaryDirectory() as folder:
        source, float32, int8 = (Path(folder) / name for name in ("model.keras", "float32.tflite", "int8.tflite"))
        model.save(source)
        convert([Conversion(source, float32, int8)])
        content = int8.read_bytes()
    runtime = Interpreter(content, "the trial's net", threads=1)
    timing = latency(runtime, noise_window(runtime.window_samples), RUNS)
    return {"int8_kb": len(content) / 1000, "latency_ms": timing.median_ms}
