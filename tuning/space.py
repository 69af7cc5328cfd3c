"""Search spaces: which settings vary over a recipe, read from short YAML files and checked before anything runs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import keras_tuner
import numpy as np
import yaml

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.recipes import as_number, read_named
from ser_keras.experiment.settings import Experiment
from ser_keras.tuning.spacefile import AxisFile, SettingValue, SpaceFile, parse_space
from ser_keras.tuning.values import Value, Values

if TYPE_CHECKING:
    from importlib.abc import Traversable

MAX_POINTS = 200_000  # a grid is enumerated; nobody trains so many nets
# What a search holds constant: the data, who is tested, and the random draws.
HELD = ("recipe", "title", "source", "seed", "classes", "protocol", "selected_on", "snippet_s", "audio", "export")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One thing that varies.

    Attributes:
        name: the setting's name, or one of the file's own.
        settings: label -> {setting: value} of each value; empty for a range.
        labels: the values as KerasTuner and the tables see them: numbers where all are, else text; () for a range.
        when: axis name -> labels of it under which this axis counts.
        setting: that a range varies.
        low: the range's least value.
        high: its greatest.
        log: whether it is drawn and cut by its logarithm.
        steps: its points on a grid; None: it can't be on one.
        integer: whether its values are whole.
    """

    name: str
    settings: dict[Value, dict[str, SettingValue]]
    labels: tuple[Value, ...]
    _: dataclasses.KW_ONLY
    when: dict[str, list[Value]]
    setting: str | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    steps: int | None = None
    integer: bool = False

    @property
    def is_range(self) -> bool:
        return not self.labels

    @property
    def numeric(self) -> bool:
        return self.is_range or not isinstance(self.labels[0], str)

    def points(self) -> tuple[Value, ...]:
        """The axis' values on a grid."""
        if not self.is_range:
            return self.labels
        if self.steps is None:
            raise SerKerasError(f"{self.name}: a grid needs `steps` for a range; random and bayesian don't")
        space = np.geomspace if self.log else np.linspace
        cut = [float(f"{v:.3g}") for v in space(self.low, self.high, self.steps)]
        return tuple(dict.fromkeys(round(v) for v in cut)) if self.integer else tuple(cut)

    def changes(self, label: Value) -> dict[str, SettingValue]:
        """{setting: value} that a value stands for."""
        if not self.is_range:
            return self.settings[label]
        assert self.setting is not None
        return {self.setting: int(label) if self.integer else float(f"{label:.6g}")}

    def ends(self) -> tuple[Value, Value]:
        """A range's least and greatest value."""
        return (round(self.low), round(self.high)) if self.integer else (self.low, self.high)

    def active(self, values: Values) -> bool:
        """Whether this axis counts beside the values of those above it."""
        return all(values.get(name) in labels for name, labels in self.when.items())


def spaces() -> dict[str, Traversable]:
    """Name -> resource of every space that the package ships."""
    folder = resources.files("ser_keras.tuning") / "spaces"
    return dict(sorted((p.name.removesuffix(".yaml"), p) for p in folder.iterdir() if p.name.endswith(".yaml")))


class Space:
    """What varies over which recipe.

    Args:
        name: the file's name, for messages.
        file: its content.
        changes: `a.b=value` strings on top of the recipe and of the file's `set`.

    Attributes:
        title: for people.
        start: the settings that the search starts from.
        axes: what varies, in the file's order.
        stages: of the strategy `random_grid`.
    """

    def __init__(self, name: str, file: SpaceFile, changes: Sequence[str] = ()) -> None:
        self.name, self.title, self.stages = name, file.title, file.random_grid
        self._recipe = file.recipe
        self._set = [*(f"{key}={_text(value)}" for key, value in file.set.items()), *changes]
        self.start = Experiment.from_recipe(file.recipe, self._set)
        self.axes: list[Axis] = []
        for axis, entry in file.vary.items():
            self.axes.append(self._axis(axis, entry))
        if not self.axes:
            raise SerKerasError(f"space {name}: nothing varies; list settings under `vary`")
        self._refuse_held([change.partition("=")[0] for change in changes])

    def _axis(self, name: str, entry: list[SettingValue] | AxisFile) -> Axis:
        """An axis from its entry in the file; those above it are in `axes` already."""
        if entry == []:
            raise SerKerasError(f"space {self.name}: {name} has no values")
        file = entry if isinstance(entry, AxisFile) else AxisFile(values=entry)
        if file.setting and file.choices is not None:
            raise SerKerasError(f"space {self.name}: {name}: choices name their settings themselves; leave out setting")
        setting = file.setting or name
        settings: dict[Value, dict[str, SettingValue]]
        if file.choices is not None:
            settings = {label: _numbers(changes) for label, changes in file.choices.items()}
        else:
            values = _alike(file.values or [])
            settings = {label: {setting: v} for label, v in zip(_labels(values), values, strict=True)}
            if len(settings) < len(file.values or []):
                raise SerKerasError(f"space {self.name}: {name} lists a value twice")
        varied = {s for changes in settings.values() for s in changes} or {setting}
        if held := [s for s in varied if s.partition(".")[0] in HELD]:
            raise SerKerasError(f"space {self.name}: {held[0]} can't vary within a search: trials couldn't be compared")
        when = {parent: self._labels_of_parent(name, parent, values) for parent, values in file.when.items()}
        labels = tuple(settings)
        if labels:
            return Axis(name, settings, labels, when=when, log=file.scale == "log", integer=file.integer)
        assert file.min is not None and file.max is not None
        return Axis(
            name,
            settings,
            labels,
            when=when,
            setting=setting,
            low=file.min,
            high=file.max,
            log=file.scale == "log",
            steps=file.steps,
            integer=file.integer,
        )

    def _labels_of_parent(self, name: str, parent: str, values: list[SettingValue]) -> list[Value]:
        """The labels of an axis above under which the axis `name` counts."""
        above = {axis.name: axis for axis in self.axes}
        if parent not in above:
            raise SerKerasError(
                f"space {self.name}: {name} depends on '{parent}', which isn't above it; "
                f"nearest: {nearest(parent, above) or 'none'}"
            )
        axis = above[parent]
        labels = _labels(_alike(values), as_text=not axis.numeric)
        if strange := [label for label in labels if label not in axis.labels]:
            raise SerKerasError(
                f"space {self.name}: {name}: {parent} is never '{strange[0]}'; "
                f"nearest: {nearest(strange[0], axis.labels)}"
            )
        return labels

    def _refuse_held(self, changed: Sequence[str]) -> None:
        """Refuse changes of what varies."""
        varied = {a.setting for a in self.axes if a.setting is not None}
        varied |= {setting for a in self.axes for changes in a.settings.values() for setting in changes}
        if both := sorted(varied & set(changed)):
            raise SerKerasError(f"`changes` {both[0]}: the space {self.name} varies it; leave one of them out")

    def experiment(self, values: Values, selected_on: Sequence[str] | None = None) -> Experiment:
        """The settings of one trial.

        Args:
            values: axis name -> value; `tuner/epochs` of the two-stage strategies goes into `training.epochs`.
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
        return Experiment.from_recipe(self._recipe, [*self._set, *changes])

    def settings_of(self, values: Values) -> dict[str, SettingValue]:
        """{setting: value} of a trial, for tables."""
        active = [a for a in self.axes if a.name in values and a.active(values)]
        return {key: value for a in active for key, value in a.changes(values[a.name]).items()}

    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """The space as KerasTuner's HyperParameters."""
        space = keras_tuner.HyperParameters()
        for axis in self.axes:
            with contextlib.ExitStack() as scopes:
                for parent, labels in axis.when.items():
                    scopes.enter_context(space.conditional_scope(parent, labels))
                if not axis.is_range:
                    space.Choice(axis.name, list(axis.labels), ordered=axis.numeric)
                elif axis.integer:
                    space.Int(axis.name, round(axis.low), round(axis.high), sampling="log" if axis.log else "linear")
                else:
                    space.Float(axis.name, axis.low, axis.high, sampling="log" if axis.log else "linear")
        return space

    def grid(self) -> list[dict[str, Value]]:
        """Every point of the grid, in the file's order: {axis: value}, only with the axes that count.

        Raises:
            SerKerasError: a range without `steps`, or more than 200,000 points.
        """
        points: list[dict[str, Value]] = [{}]
        for axis in self.axes:
            cut = axis.points()
            points = [
                p
                for point in points
                for p in ([{**point, axis.name: v} for v in cut] if axis.active(point) else [point])
            ]
            if len(points) > MAX_POINTS:
                raise SerKerasError(
                    f"space {self.name}: the grid has over {MAX_POINTS:,} points; use `strategy` random"
                )
        return points

    def n_points(self) -> int | None:
        """How many points the space has, or None where they are too many to count."""
        if any(axis.is_range for axis in self.axes):
            return None
        with contextlib.suppress(SerKerasError):  # over MAX_POINTS
            return len(self.grid())
        return None

    def samples(self) -> Iterator[tuple[Axis, Value, dict[str, Value]]]:
        """(axis, value, all values) for each value of each axis, the others at their first: checked beforehand."""
        for axis in self.axes:
            for label in axis.labels or axis.ends():
                wanted = self._wanted(axis) | {axis.name: label}
                values: dict[str, Value] = {}
                for other in self.axes:
                    if other.active(values):
                        values[other.name] = wanted.get(other.name, (other.labels or other.ends())[0])
                yield axis, label, values

    def _wanted(self, axis: Axis) -> dict[str, Value]:
        """What the axes above must be for this one to count."""
        wanted: dict[str, Value] = {}
        for parent, labels in axis.when.items():
            wanted |= {parent: labels[0]} | self._wanted(next(a for a in self.axes if a.name == parent))
        return wanted


def check(space: Space) -> None:
    """Build the front end and the net of every value of every axis, before anything runs.

    Raises:
        SerKerasError: a name or value that doesn't exist or doesn't fit, with the axis that has it.
    """
    import keras

    from ser_keras.experiment import assembly, rules

    rules.complete(space.experiment({}))
    built: set[str] = set()
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


def load_space(name: str, changes: Sequence[str] = ()) -> Space:
    """A space by the name of one that the package ships, or by the path of a YAML file.

    Args:
        name: the name or the path.
        changes: `a.b=value` strings that hold for all trials.

    Raises:
        SerKerasError: no such space, or one that isn't right, with the nearest valid names.
    """
    shipped = spaces()
    text, where = read_named("space", name, shipped)
    return Space(where if where in shipped else Path(where).stem, parse_space(text, where), changes)


def _text(value: SettingValue) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False).removesuffix("...\n").strip()


def _numbers(changes: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """Changes whose values are numbers wherever they look like one."""
    return {key: as_number(value) for key, value in changes.items()}


def _alike(values: Sequence[SettingValue]) -> list[SettingValue]:
    """Values of one kind: all numbers become floats where some are."""
    values = [as_number(v) for v in values]
    plain = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    return [float(v) for v in values] if all(plain) and any(isinstance(v, float) for v in values) else values


def _labels(values: Sequence[SettingValue], as_text: bool = False) -> list[Value]:
    """Values as KerasTuner and tables have them: numbers where all are, else text, of what isn't text as JSON."""
    plain = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    if all(plain) and not as_text:
        return list(values)
    return [v if isinstance(v, str) else json.dumps(v) for v in values]
