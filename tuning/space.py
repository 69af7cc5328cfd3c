"""Search spaces: which settings vary over a recipe, read from short YAML files and checked before anything runs."""

import contextlib
import dataclasses
import json
from importlib import resources
from pathlib import Path

import keras_tuner
import numpy as np
import yaml

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.recipes import as_number, load_experiment, read_named
from ser_keras.tuning.spacefile import AxisFile, parse_space

MAX_POINTS = 200_000  # a grid is enumerated; nobody trains so many nets
# What a search holds constant: the data, who is tested, and the random draws.
HELD = ("recipe", "title", "source", "seed", "classes", "protocol", "selected_on", "snippet_s", "audio", "export")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One thing that varies.

    Attributes:
        name: the setting's name, or one of the file's own.
        settings: label -> {setting: value} of each value; empty for a range.
        labels: the values as KerasTuner and the tables see them: numbers where all are, else text.
        when: axis name -> labels of it under which this axis counts.
        setting: of a range.
        low, high, log, steps, integer: of a range.
    """

    name: str
    settings: dict
    labels: tuple
    when: dict
    setting: str | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    steps: int | None = None
    integer: bool = False

    @property
    def is_range(self):
        return not self.labels

    @property
    def numeric(self):
        return self.is_range or not isinstance(self.labels[0], str)

    def points(self):
        """The axis' values on a grid."""
        if not self.is_range:
            return self.labels
        if self.steps is None:
            raise SerKerasError(f"{self.name}: a grid needs `steps` for a range; random and bayesian don't")
        space = np.geomspace if self.log else np.linspace
        cut = [float(f"{v:.3g}") for v in space(self.low, self.high, self.steps)]
        return tuple(dict.fromkeys(round(v) for v in cut)) if self.integer else tuple(cut)

    def changes(self, label):
        """{setting: value} that a value stands for."""
        if not self.is_range:
            return self.settings[label]
        return {self.setting: int(label) if self.integer else float(f"{label:.6g}")}

    def active(self, values):
        return all(values.get(name) in labels for name, labels in self.when.items())


def spaces():
    """Name -> resource of every space that the package ships."""
    folder = resources.files("ser_keras.tuning") / "spaces"
    return dict(sorted((p.name.removesuffix(".yaml"), p) for p in folder.iterdir() if p.name.endswith(".yaml")))


class Space:
    """What varies over which recipe.

    Args:
        name: the file's name, for messages.
        file: SpaceFile.
        changes: `a.b=value` strings on top of the recipe and of the file's `set`.

    Attributes:
        axes: list of Axis, in the file's order.
        stages: TwoStages.
    """

    def __init__(self, name, file, changes=()):
        self.name, self.title, self.stages = name, file.title, file.random_grid
        self._recipe = file.recipe
        self._set = [*(f"{key}={_text(value)}" for key, value in file.set.items()), *changes]
        self.start = load_experiment(file.recipe, self._set)
        self.axes = []
        for axis, given in file.vary.items():
            self.axes.append(self._axis(axis, given))
        if not self.axes:
            raise SerKerasError(f"space {name}: nothing varies; list settings under `vary`")
        self._refuse_held([change.partition("=")[0] for change in changes])

    def _axis(self, name, given):
        if given == []:
            raise SerKerasError(f"space {self.name}: {name} has no values")
        given = given if isinstance(given, AxisFile) else AxisFile(values=given)
        if given.setting and given.choices is not None:
            raise SerKerasError(f"space {self.name}: {name}: choices name their settings themselves; leave out setting")
        setting = given.setting or name
        if given.choices is not None:
            settings = {label: _numbers(changes) for label, changes in given.choices.items()}
        else:
            values = _alike(given.values or [])
            settings = {label: {setting: v} for label, v in zip(_labels(values), values, strict=True)}
            if len(settings) < len(given.values or []):
                raise SerKerasError(f"space {self.name}: {name} lists a value twice")
        varied = {s for changes in settings.values() for s in changes} or {setting}
        if held := [s for s in varied if s.partition(".")[0] in HELD]:
            raise SerKerasError(f"space {self.name}: {held[0]} can't vary within a search: trials couldn't be compared")
        when = {}
        for parent, labels in given.when.items():
            known = {a.name: a for a in self.axes}
            if parent not in known:
                raise SerKerasError(
                    f"space {self.name}: {name} depends on '{parent}', which isn't above it; "
                    f"nearest: {nearest(parent, known) or 'none'}"
                )
            when[parent] = _labels(_alike(labels), as_text=not known[parent].numeric)
            if strange := [v for v in when[parent] if v not in known[parent].labels]:
                raise SerKerasError(
                    f"space {self.name}: {name}: {parent} is never '{strange[0]}'; "
                    f"nearest: {nearest(strange[0], known[parent].labels)}"
                )
        kind = {} if settings else {"setting": setting, "low": given.min, "high": given.max, "steps": given.steps}
        return Axis(name, settings, tuple(settings), when, log=given.scale == "log", integer=given.integer, **kind)

    def _refuse_held(self, changed):
        varied = {s for a in self.axes for s in (a.setting, *(s for c in a.settings.values() for s in c))}
        if both := sorted(varied & set(changed)):
            raise SerKerasError(f"--set {both[0]}: the space {self.name} varies it; leave one of them out")

    def experiment(self, values, selected_on=None):
        """The settings of one trial.

        Args:
            values: axis name -> label; `tuner/epochs` of the two-stage strategies goes into `training.epochs`.
            selected_on: the speakers on whom it was chosen, for a recipe that leaves the search; those on whom the
                starting recipe was chosen are added.
        """
        changes = []
        for axis in self.axes:
            if axis.name in values and axis.active(values):
                changes += [f"{key}={_text(value)}" for key, value in axis.changes(values[axis.name]).items()]
        if "tuner/epochs" in values:
            changes.append(f"training.epochs={values['tuner/epochs']}")
        changes.append("protocol={name: speaker_independent}")
        if selected_on:
            changes.append(f"selected_on={_text(sorted({*self.start.selected_on, *selected_on}))}")
        return load_experiment(self._recipe, [*self._set, *changes])

    def settings_of(self, values):
        """{setting: value} of a trial, for tables."""
        active = [a for a in self.axes if a.name in values and a.active(values)]
        return {key: value for a in active for key, value in a.changes(values[a.name]).items()}

    def hyperparameters(self):
        """The space as KerasTuner's HyperParameters."""
        found = keras_tuner.HyperParameters()
        for axis in self.axes:
            with contextlib.ExitStack() as scopes:
                for parent, labels in axis.when.items():
                    scopes.enter_context(found.conditional_scope(parent, labels))
                if not axis.is_range:
                    found.Choice(axis.name, list(axis.labels), ordered=axis.numeric)
                elif axis.integer:
                    found.Int(axis.name, round(axis.low), round(axis.high), sampling="log" if axis.log else "linear")
                else:
                    found.Float(axis.name, axis.low, axis.high, sampling="log" if axis.log else "linear")
        return found

    def grid(self):
        """Every point of the grid, in the file's order: list of {axis: label}, only with the axes that count.

        Raises:
            SerKerasError: a range without `steps`, or more than 200,000 points.
        """
        points = [{}]
        for axis in self.axes:
            cut = axis.points()
            points = [
                p
                for point in points
                for p in ([{**point, axis.name: v} for v in cut] if axis.active(point) else [point])
            ]
            if len(points) > MAX_POINTS:
                raise SerKerasError(
                    f"space {self.name}: the grid has over {MAX_POINTS:,} points; use --strategy random"
                )
        return points

    def n_points(self):
        """How many points the space has, or None where they are too many to count."""
        if any(axis.is_range for axis in self.axes):
            return None
        with contextlib.suppress(SerKerasError):  # over MAX_POINTS
            return len(self.grid())
        return None

    def samples(self):
        """One {axis: label} for each value of each axis, the others at their first: what is checked beforehand."""
        for axis in self.axes:
            ends = (axis.low, axis.high)
            for label in axis.labels or [round(v) if axis.integer else v for v in ends]:
                wanted = self._wanted(axis) | {axis.name: label}
                values = {}
                for other in self.axes:
                    if other.active(values):
                        first = other.labels[0] if other.labels else round(other.low) if other.integer else other.low
                        values[other.name] = wanted.get(other.name, first)
                yield axis, label, values

    def _wanted(self, axis):
        """What the axes above must be for this one to count."""
        wanted = {}
        for parent, labels in axis.when.items():
            wanted |= {parent: labels[0]} | self._wanted(next(a for a in self.axes if a.name == parent))
        return wanted


def check(space):
    """Build the front end and the net of every value of every axis, before anything runs.

    Raises:
        SerKerasError: a name or value that doesn't exist or doesn't fit, with the axis that has it.
    """
    import keras

    from ser_keras.experiment import assembly, rules

    rules.complete(space.experiment({}))
    built = set()
    for axis, label, values in space.samples():
        try:
            experiment = rules.complete(space.experiment(values))
            decides = {"frontend", "model", "head", "window_s", "unit", "corpus_heads", "augmentation"}
            if (key := json.dumps(experiment.model_dump(mode="json", include=decides))) in built:
                continue  # an optimiser builds nothing
            built.add(key)
            extractor = assembly.build_extractor(experiment)
            if assembly.model_kind(experiment).keras:
                shape = extractor.feature_shape(experiment.window_samples)
                assembly.build_classifier(experiment, shape, len(experiment.classes))
        except SerKerasError as error:
            raise SerKerasError(f"space {space.name}: {axis.name} = {label}: {error}") from None
    keras.utils.clear_session()


def load_space(name, changes=()):
    """A space by the name of one that the package ships, or by the path of a YAML file.

    Args:
        name: the name or the path.
        changes: `a.b=value` strings that hold for all trials.

    Raises:
        SerKerasError: no such space, or one that isn't right, with the nearest valid names.
    """
    known = spaces()
    text, where = read_named("space", name, known)
    return Space(Path(where).stem if where not in known else where, parse_space(text, where), changes)


def _text(value):
    """A value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False).removesuffix("...\n").strip()


def _numbers(changes):
    return {key: as_number(value) for key, value in changes.items()}


def _alike(values):
    """Values of one kind: all numbers become floats where some are."""
    values = [as_number(v) for v in values]
    plain = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    return [float(v) for v in values] if all(plain) and any(isinstance(v, float) for v in values) else values


def _labels(values, as_text=False):
    """Values as KerasTuner and tables have them: numbers where all are, else text, of what isn't text as JSON."""
    plain = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    if all(plain) and not as_text:
        return list(values)
    return [v if isinstance(v, str) else json.dumps(v) for v in values]
