"""The layers of AlexNet and CaffeNet, and the weights that were published for them."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.local_response_normalization import LocalResponseNormalization

Variant = Literal["alexnet", "caffenet"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
FILTERS = (96, 256, 384, 384, 256)
KERNELS = (11, 5, 3, 3, 3)
GROUPS = (1, 2, 1, 2, 2)
STRIDE = 4  # of the first convolution
POOLED = (1, 2, 5)  # convolutions that pooling follows
POOL, POOL_STRIDE = 3, 2
HIDDEN = 4096
GRID = 6  # rows and columns of the last maps, of an image of 227x227
INITIALIZER = "he_normal"  # from scratch: Caffe's deviation of .01 is meant for pixels of 0 to 255
PIXELS = 255.0  # published weights are of pixels from 0 to 255
RANDOM = "random"


def alexnet_hidden(
    x: keras.KerasTensor,
    *,
    weights: str | os.PathLike[str],
    variant: Variant,
    filters: Sequence[int] = FILTERS,
    hidden: int = HIDDEN,
    dropout: float = 0.5,
    regularizer: keras.regularizers.Regularizer | None = None,
) -> keras.KerasTensor:
    """The net from an image to its second affine layer, fc7.

    Args:
        x: [B, height, width, 3] images in [0, 1] less the training mean image.
        weights: `random`, or anything else: weights of pixels of 0 to 255 will be set (`set_published_weights`).
        variant: `alexnet`: local response normalisation before pooling; `caffenet`: after it.
        filters: filters of each convolution.
        hidden: units of each affine layer.
        dropout: share of the units dropped after fc6.
        regularizer: of all kernels.

    Returns:
        [B, hidden], behind its ReLU.

    Raises:
        SerKerasError: an image that is too small.
    """
    height, width = x.shape[1:3]
    if weights != RANDOM:
        x = x * PIXELS  # keras.layers.Rescaling looks for TensorFlow under any backend
    for i in range(1, len(KERNELS) + 1):
        x = _convolution(x, i, filters[i - 1], regularizer=regularizer)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        if i in POOLED:
            if min(x.shape[1:3]) < POOL:
                raise SerKerasError(
                    f"alexnet: an image of {height}x{width} is too small; give 227x227 (at least 67x67 from scratch)"
                )
            x = _normalised_and_pooled(x, i, variant)
    x = keras.layers.Flatten(name="flatten")(x)
    options = {"kernel_initializer": INITIALIZER, "kernel_regularizer": regularizer}
    x = keras.layers.Dense(hidden, **options, name="fc6")(x)
    x = keras.layers.ReLU(name="relu6")(x)
    x = keras.layers.Dropout(dropout, name="dropout6")(x) if dropout else x
    x = keras.layers.Dense(hidden, **options, name="fc7")(x)
    return keras.layers.ReLU(name="relu7")(x)


def _convolution(
    x: keras.KerasTensor, i: int, n_filters: int, *, regularizer: keras.regularizers.Regularizer | None
) -> keras.KerasTensor:
    """Convolution i; of two groups, each sees its half of the channels: [B, F, T, C] to [B, F', T', n_filters]."""
    first = {"strides": STRIDE, "padding": "valid"} if i == 1 else {"padding": "same"}
    options = {**first, "kernel_initializer": INITIALIZER, "kernel_regularizer": regularizer}
    if GROUPS[i - 1] == 1:
        return keras.layers.Conv2D(n_filters, KERNELS[i - 1], **options, name=f"conv{i}")(x)
    # LiteRT's convolution on the CPU knows no groups.
    halves = [
        keras.layers.Conv2D(n_filters // 2, KERNELS[i - 1], **options, name=f"conv{i}{part}")(half)
        for part, half in zip("ab", ops.split(x, 2, axis=-1), strict=True)
    ]
    return keras.layers.Concatenate(name=f"conv{i}")(halves)


def _normalised_and_pooled(x: keras.KerasTensor, i: int, variant: Variant) -> keras.KerasTensor:
    steps = [keras.layers.MaxPooling2D(POOL, POOL_STRIDE, name=f"pool{i}")]
    if i != POOLED[-1]:
        steps.insert(0 if variant == "alexnet" else 1, LocalResponseNormalization(name=f"norm{i}"))
    for step in steps:
        x = step(x)
    return x


def layout(filters: Sequence[int] = FILTERS, hidden: int = HIDDEN, grid: int = GRID) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array in the .npz, in Caffe's layout.

    Kernels are [filters, input channels of a group, height, width], affine layers [outputs, inputs]; the inputs of fc6
    are the maps one after the other, each row by row.

    Args:
        filters, hidden: see `alexnet_hidden`.
        grid: rows and columns of the maps that fc6 sees.

    Returns:
        The shapes of `conv1_kernel`, `conv1_bias`, ... to `fc7_bias`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for i, (n_filters, kernel, groups) in enumerate(zip(filters, KERNELS, GROUPS, strict=True), start=1):
        shapes[f"conv{i}_kernel"] = (n_filters, channels // groups, kernel, kernel)
        shapes[f"conv{i}_bias"] = (n_filters,)
        channels = n_filters
    for name, n_inputs in (("fc6", channels * grid * grid), ("fc7", hidden)):
        shapes[f"{name}_kernel"] = (hidden, n_inputs)
        shapes[f"{name}_bias"] = (hidden,)
    return shapes


def load_alexnet(
    path: str | os.PathLike[str],
    variant: Variant = "alexnet",
    filters: Sequence[int] = FILTERS,
    *,
    hidden: int = HIDDEN,
    grid: int = GRID,
) -> dict[str, NDArray[np.float32]]:
    """Read published weights and change them to Keras's layout.

    Args:
        path: an .npz as docs/alexnet.md describes it: the arrays of `layout`, and two texts: `variant`, and
            `channels`, the order of colours that the first convolution expects (`BGR` in Caffe, or `RGB`).
        variant, filters, hidden: see `alexnet_hidden`.
        grid: see `layout`.

    Returns:
        Arrays under the names of `layout`: convolutions' kernels [height, width, input channels, filters], for RGB;
        affine kernels [inputs, outputs], inputs of fc6 in the order row, column, map.

    Raises:
        SerKerasError: missing, no .npz, of the other variant, or arrays missing, of other shapes, or not finite.
    """
    where = f"alexnet: weights {path}"
    expected = layout(filters, hidden, grid)
    arrays = _read(path, where, [*expected, "variant", "channels"])
    file_variant, channels = str(arrays["variant"]), str(arrays["channels"]).upper()
    if file_variant != variant:
        raise SerKerasError(f"{where} are of {file_variant}, the model is {variant}; set model.variant={file_variant}")
    if channels not in ("BGR", "RGB"):
        raise SerKerasError(f"{where}: channels is '{channels}'; it must be BGR or RGB")
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise SerKerasError(f"{where}: {name} is of shape {arrays[name].shape}, not {shape}; see docs/alexnet.md")
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise SerKerasError(f"{where}: {name} holds values that aren't finite floats; make the file again")
    if channels == "BGR":
        arrays["conv1_kernel"] = arrays["conv1_kernel"][:, ::-1]
    maps = arrays["fc6_kernel"].reshape(hidden, filters[-1], grid, grid)
    arrays["fc6_kernel"] = maps.transpose(0, 2, 3, 1).reshape(hidden, -1)
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    return {name: arrays[name].transpose(axes[len(shape)]).astype(np.float32) for name, shape in expected.items()}


def _read(path: str | os.PathLike[str], where: str, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    if not Path(path).is_file():
        raise SerKerasError(f"{where}: no such file; docs/alexnet.md says how to make it from the published one")
    try:
        # Pickled objects, which could run code, are refused.
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names if name in file.files}
            missing = [name for name in names if name not in arrays]
            file_names = file.files
    except (OSError, EOFError, AttributeError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise SerKerasError(f"{where} can't be read as .npz ({reason}); docs/alexnet.md says how to make it") from None
    if missing:
        raise SerKerasError(
            f"{where}: no array '{missing[0]}'; nearest: {nearest(missing[0], file_names)}; docs/alexnet.md lists "
            "them all"
        )
    return arrays


def set_published_weights(
    model: keras.Model,
    path: str | os.PathLike[str],
    variant: Variant,
    *,
    filters: Sequence[int] = FILTERS,
    hidden: int = HIDDEN,
) -> None:
    """Set the layers of `alexnet_hidden` in a model to published weights.

    Args:
        model: a model of images whose layers `alexnet_hidden` made.
        path: see `load_alexnet`.
        variant, filters, hidden: as `alexnet_hidden` had them.

    Raises:
        SerKerasError: images that are not square or not in colour, or weights that do not fit; see `load_alexnet`.
    """
    shape = model.input_shape[1:]
    rows, columns = model.get_layer("flatten").input.shape[1:3]
    if rows != columns or shape[-1] != 3:
        raise SerKerasError(
            f"alexnet: published weights are of square RGB images, not {'x'.join(map(str, shape))}; set "
            "frontend.size=227 and frontend.colour=true"
        )
    arrays = load_alexnet(path, variant, filters, hidden=hidden, grid=rows)
    for i, groups in enumerate(GROUPS, start=1):
        parts: Sequence[str] = "ab" if groups == 2 else [""]
        kernels, biases = (np.split(arrays[f"conv{i}_{kind}"], groups, axis=-1) for kind in ("kernel", "bias"))
        for part, kernel, bias in zip(parts, kernels, biases, strict=True):
            model.get_layer(f"conv{i}{part}").set_weights([kernel, bias])
    for name in ("fc6", "fc7"):
        model.get_layer(name).set_weights([arrays[f"{name}_kernel"], arrays[f"{name}_bias"]])
