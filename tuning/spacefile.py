"""What a space file may hold, checked as it is read."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.complaints import complaint
from ser_keras.experiment.recipes import parse_recipe
from ser_keras.experiment.settings import Count, Settings

SettingValue = Any  # Any: whatever YAML holds; the settings check it when a trial's experiment is made


class AxisFile(Settings):
    """One axis as a file has it: `values`, a range from `min` to `max`, or `choices`, each of several settings."""

    setting: str | None = None
    values: list[SettingValue] | None = None
    choices: dict[str, dict[str, SettingValue]] | None = None
    min: float | None = None
    max: float | None = None
    scale: Literal["linear", "log"] = "linear"
    steps: Annotated[int, Field(ge=2)] | None = None
    integer: bool = False
    when: dict[str, list[SettingValue]] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> "AxisFile":
        kinds = [self.values is not None, self.choices is not None, self.min is not None or self.max is not None]
        if sum(kinds) != 1:
            raise ValueError("give one of values, choices, or min and max")
        if kinds[2]:
            if self.min is None or self.max is None or self.min >= self.max:
                raise ValueError("a range needs min below max")
            if self.scale == "log" and self.min <= 0:
                raise ValueError("a logarithmic range needs min above 0")
        if not kinds[2] and not (self.values or self.choices):
            raise ValueError("it has no values")
        return self


class TwoStages(Settings):
    """The stages of `random_grid`: all sampled points for `epochs`, the `finalists` best for `long_epochs`."""

    epochs: Count = 10
    finalists: Count = 3
    long_epochs: Count = 100

    @model_validator(mode="after")
    def _longer(self) -> "TwoStages":
        if self.long_epochs <= self.epochs:
            raise ValueError("long_epochs must be more than epochs")
        return self


class SpaceFile(Settings):
    """A space file: the recipe it starts from, what is set once, what varies."""

    title: str = ""
    recipe: str
    set: dict[str, SettingValue] = {}
    vary: dict[str, list[SettingValue] | AxisFile]
    random_grid: TwoStages = TwoStages()


def parse_space(text: str, where: str) -> SpaceFile:
    """A SpaceFile from YAML.

    Raises:
        SerKerasError: it isn't one, with the nearest valid names.
    """
    tree = parse_recipe(text, f"space {where}")
    try:
        return SpaceFile(**tree)
    except ValidationError as error:
        raise SerKerasError(f"space {where}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """The first thing that pydantic complains of, as one line."""
    # A list that isn't an axis is complained of twice: as a list and as an axis; the axis says more.
    problem = next((p for p in error.errors() if "AxisFile" in str(p["loc"])), error.errors()[0])
    path = ".".join(str(part) for part in problem["loc"] if "AxisFile" not in str(part))
    if problem["type"] == "extra_forbidden":
        model: type[Settings] = SpaceFile
        if path.startswith("vary."):
            model = AxisFile
        elif path.startswith("random_grid"):
            model = TwoStages
        return f"unknown name '{path}'; nearest: {nearest(path.rpartition('.')[2], model.model_fields)}"
    return f"{path}: {complaint(problem)}"
