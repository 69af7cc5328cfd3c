"""The files that one trained model becomes, and which of them a bundle may call its default."""

import dataclasses
from collections.abc import Mapping

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.export.bundle_json import Estimate

MAX_UAR_LOSS = 0.01  # of a default against Keras, on the run's own test folds


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to store a classifier; the front end is float32 in each.

    Attributes:
        file: its name in the bundle.
        title: what is in it, for people.
        integer: whether it computes with integers, whose rounding differs from runtime to runtime.
    """

    file: str
    title: str
    integer: bool = False


INT8_WEIGHTS, FLOAT32 = "int8_weights", "float32"
VARIANTS = {
    INT8_WEIGHTS: Variant("model.tflite", "int8 weights, float arithmetic"),
    FLOAT32: Variant("model_float32.tflite", "float32 weights"),
    "float16": Variant("model_float16.tflite", "float16 weights, float arithmetic"),
    "dynamic": Variant("model_dynamic.tflite", "int8 weights, activations made int8 as it runs", integer=True),
    "int8": Variant("model_int8.tflite", "int8 weights and activations", integer=True),
}
ALWAYS = (INT8_WEIGHTS, FLOAT32)
OF_FILE = {variant.file: variant for variant in VARIANTS.values()}
AUTO = "auto"  # the first of ALWAYS that loses little


def check_name(variant: str) -> None:
    """Refuse an unknown variant.

    Raises:
        SerKerasError: with the nearest names.
    """
    if variant not in (AUTO, *VARIANTS):
        raise SerKerasError(f"no variant '{variant}'; nearest: {nearest(variant, [AUTO, *VARIANTS])}")


def choose_default(wanted: str, figures: Mapping[str, Estimate | None]) -> str:
    """The file that a bundle calls its default.

    Args:
        wanted: a name in VARIANTS, or AUTO.
        figures: file name -> what `estimate` measured, or None where nothing was.

    Returns:
        A file name.

    Raises:
        SerKerasError: the wanted variant isn't there, or loses more than MAX_UAR_LOSS.
    """
    losses = {file: 0.0 if f is None else f["keras_uar"] - f["uar"] for file, f in figures.items()}
    fitting = [file for file, loss in losses.items() if loss <= MAX_UAR_LOSS + 1e-9]
    if wanted == AUTO:
        return next((VARIANTS[name].file for name in ALWAYS if VARIANTS[name].file in fitting), VARIANTS[FLOAT32].file)
    file = VARIANTS[wanted].file
    if file not in losses:
        raise SerKerasError(f"the variant '{wanted}' wasn't made: set `all_variants=True`, or choose another `default`")
    estimate = figures[file]
    if file in fitting or estimate is None:
        return file
    names = [name for name, variant in VARIANTS.items() if variant.file in fitting]
    raise SerKerasError(
        f"{wanted} would be the default and loses {100 * losses[file]:.1f} points of UAR on the test folds "
        f"({estimate['uar']:.3f} against {estimate['keras_uar']:.3f}, at most {100 * MAX_UAR_LOSS:g} are allowed): "
        + (f"choose `default` {' or '.join(names)}" if names else "no variant loses less; train on")
    )
