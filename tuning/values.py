"""The types of what a trial is made of and of what it reports."""

from collections.abc import Callable, Mapping

Value = str | int | float | bool  # of one axis, as KerasTuner and the tables have it (`space.Axis.labels`)
Values = Mapping[str, Value]  # axis name (or `tuner/epochs` and the like) -> value
Figures = Mapping[str, float]  # `uar`, `score`, `fold_0`, ... -> number

Report = Callable[[Figures], None]  # takes a trial's figures so far
Rival = Callable[[], list[float] | None]  # gives the UAR of each fold of the best comparable trial
