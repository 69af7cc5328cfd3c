"""What a trial is judged by: UAR, the bytes of its int8 file, its latency, a measure of one's own; limits on them."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ser_keras.common import plugins
from ser_keras.common.errors import BadInput, NotFound, SerKerasError, nearest
from ser_keras.evaluation import Predictions
from ser_keras.experiment import assembly
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.tuning.values import Figures

if TYPE_CHECKING:
    from ser_keras.experiment.settings import Experiment
    from ser_keras.features.extractor import FeatureShape

OfPredictions = Callable[[Predictions], float]


@dataclasses.dataclass(frozen=True)
class Measure:
    """What trials can be judged by.

    Attributes:
        title: what it is, for people.
        more_is_better: whether a search maximises it.
        of_predictions: computes it from the predictions for a fold's held-out speakers, one row an utterance; None of
            what is measured otherwise.
    """

    title: str
    more_is_better: bool = True
    of_predictions: OfPredictions | None = None


MEASURES: plugins.Registry[Measure | OfPredictions] = plugins.Registry(
    {
        "uar": Measure("mean validation UAR"),
        "int8_kb": Measure("size of the exported file with int8 weights, kB", more_is_better=False),
        "latency_ms": Measure("time of one window in that file on one thread, ms", more_is_better=False),
    },
    kind="objective",
    group="ser_keras.objectives",
    check=lambda part: isinstance(part, Measure) or (callable(part) and not isinstance(part, type)),
    expected="a function from ser_keras.evaluation.Predictions to a number, or a Measure of ser_keras.tuning.objective",
)
COSTS = ("int8_kb", "latency_ms")
SHIPPED = ("uar", *COSTS)
RUNS = 30  # windows that a latency is the median of


def measure_of(name: str, argument: str) -> Measure:
    """A measure by its name; of one's own, `module:name`, the module is imported: the user asked for it.

    A plain function of the predictions is a measure of which more is better.

    Args:
        name: in MEASURES, of an entry point, or of the form `module:name`.
        argument: what named it, for the message.

    Raises:
        SerKerasError: there is none of that name, or it cannot be imported.
    """
    if plugins.is_own_part(name):
        plugins.trust(name)
    if name not in MEASURES:
        raise NotFound(f"`{argument}`: no measure '{name}'; nearest: {nearest(name, MEASURES)}, or module:name")
    part = MEASURES[name]
    measure = part if isinstance(part, Measure) else Measure(f"mean validation {name}", of_predictions=part)
    if measure.of_predictions is None and name not in SHIPPED:
        raise BadInput(f"`{argument}`: the measure {name} has no `of_predictions` to compute it")
    return measure


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
    """A Limit from `int8_kb<=500`, `uar>=0.6` or `my_package.metrics:war>=0.5`.

    Raises:
        SerKerasError: it says something else.
    """
    match = re.fullmatch(r"\s*([\w.:]+)\s*(<=|>=)\s*([-+.\deE]+)\s*", text)
    try:
        if match is None:
            raise ValueError
        name, relation, number = match.groups()
        bound = float(number)
    except ValueError:
        raise SerKerasError(f"`limits` {text}: write MEASURE<=NUMBER or >=, as in int8_kb<=500") from None
    measure_of(name, "limits")
    return Limit(name, relation == "<=", bound)


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a search maximises, or minimises, under limits.

    Attributes:
        measure: a name that `measure_of` takes.
        limits: bounds that the winner must keep.
    """

    measure: str = "uar"
    limits: tuple[Limit, ...] = ()

    @property
    def measures_cost(self) -> bool:
        """Whether trials have to be converted and timed."""
        return self.measure in COSTS or any(limit.measure in COSTS for limit in self.limits)

    @property
    def further_measures(self) -> dict[str, OfPredictions]:
        """Name -> function of what is computed from predictions beside UAR."""
        names = dict.fromkeys((self.measure, *(limit.measure for limit in self.limits)))
        functions = {name: measure_of(name, "objective").of_predictions for name in names}
        return {name: function for name, function in functions.items() if function is not None}

    @property
    def sources(self) -> dict[str, str | None]:
        """Name -> hash of the module of each measure of one's own: trials under another version are not comparable."""
        names = (name for name in self.further_measures if plugins.is_own_part(name))
        return {name: plugins.source_digest(name) for name in names}

    def further_figures(self, predictions: Predictions) -> dict[str, float]:
        """Name -> value of the further measures of a table.

        Raises:
            BadInput: a function gives no finite number.
        """
        return {name: _checked(name, function(predictions)) for name, function in self.further_measures.items()}

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
        numbers of one size. A measure of one's own may be any number: under limits it is pressed into -1 to 1.
        """
        if violations := self.violations(figures):
            return (-10.0 if self.measure in COSTS else -1.0) - min(1.0, sum(violations.values()))
        value = figures[self.measure]
        if self.measure == "uar":
            return value
        if self.measure in COSTS:
            return -math.log10(max(value, 1e-6))
        value = value if measure_of(self.measure, "objective").more_is_better else -value
        return value / (1 + abs(value)) if self.limits else value

    def __str__(self) -> str:
        title = measure_of(self.measure, "objective").title
        return title + (f" with {' and '.join(map(str, self.limits))}" if self.limits else "")


def short_name(name: str) -> str:
    """A measure's name without its module, for lines."""
    return name.rpartition(":")[2]


def _checked(name: str, value: object) -> float:
    if not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise BadInput(f"the objective {name} gave {value!r}; it must give a finite number")
    return float(value)


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
