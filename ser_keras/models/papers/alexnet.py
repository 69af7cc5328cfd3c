"""AlexNet and its twin CaffeNet, from scratch or from the weights that were published for ImageNet."""

import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.standardization import Standardization

VARIANTS = ("alexnet", "caffenet")
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


@keras.saving.register_keras_serializable("ser_keras")
class LocalResponseNormalization(keras.layers.Layer):
    """Each value over (bias + alpha / size * sum of squares of the `size` nearest channels) ** beta.

    Reference: A. Krizhevsky, I. Sutskever, G. E. Hinton, ImageNet classification with deep convolutional neural
    networks, NIPS 2012, section 3.3; defaults and the division of alpha as in Caffe, for whose weights this is.

    Args:
        size: channels summed over, odd; there are none beyond the first and the last.
        alpha, beta, bias: as above.
        kwargs: what `keras.layers.Layer` takes.

    Input, output:
        [..., C], the same shape.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, bias=1.0, **kwargs):
        # Squares of what pixels of 0..255 give overflow half precision.
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        n_channels, reach = x.shape[-1], self.size // 2
        squares = ops.pad(ops.square(x), [(0, 0)] * (len(x.shape) - 1) + [(reach, reach)])
        total = sum(squares[..., i : i + n_channels] for i in range(self.size))
        x = x * ops.power(self.bias + self.alpha / self.size * total, -self.beta)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"size": self.size, "alpha": self.alpha, "beta": self.beta, "bias": self.bias}
        return {**super().get_config(), **own}


def alexnet(
    input_shape,
    n_classes,
    *,
    weights=None,
    variant="alexnet",
    filters=FILTERS,
    hidden=HIDDEN,
    dropout=0.5,
    l2=2.5e-4,
):
    """Five convolutions, of which the second, fourth and fifth are of two groups, and three affine layers.

    The training mean image is subtracted first (`Standardization`), and what is left is taken to pixels of 0 to 255
    where the weights are published ones. The last layer is new, whatever the weights.

    References: A. Krizhevsky, I. Sutskever, G. E. Hinton, ImageNet classification with deep convolutional neural
    networks, NIPS 2012; its replication `bvlc_alexnet` and `bvlc_reference_caffenet` in Caffe's model zoo. Fine-tuned
    on spectrograms by A. M. Badshah et al., PlatCon 2017, section III.B.2; on faces by N. Anand, P. Verma 2015.

    Args:
        input_shape: (height, width, 3) of the image; 227 x 227 for published weights.
        n_classes: number of classes.
        weights: path of the .npz of published weights (docs/alexnet.md), or `random`: from scratch.
        variant: `alexnet`: local response normalisation before pooling; `caffenet`: after it.
        filters: filters of each convolution; FILTERS for published weights.
        hidden: units of the two affine layers before the last; 4096 for published weights.
        dropout: share of the units dropped after each of these.
        l2: weight of the squared kernels in the loss; half of what Caffe calls weight decay.

    Input:
        [B, *input_shape], RGB in [0, 1].

    Output:
        [B, n_classes] probabilities, float32. 56.9 M parameters for 7 classes.

    Raises:
        SerKerasError: no weights named, weights that don't fit, an unknown variant, or an image too small.
    """
    if weights is None:
        raise SerKerasError(
            "alexnet: no weights; --set model.weights=FILE.npz, made from the published ones as docs/alexnet.md says, "
            f"or --set model.weights={RANDOM} to train from scratch"
        )
    if variant not in VARIANTS:
        raise SerKerasError(f"alexnet: variant is '{variant}'; nearest: {nearest(variant, VARIANTS)}")
    if len(filters) != len(KERNELS) or any(n % 2 for n in filters):
        raise SerKerasError(f"alexnet: filters {list(filters)}: give five even numbers, one for each convolution")
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")
    x = Standardization(axis=(1, 2, 3), scale=False, name="minus_training_mean")(inputs)
    if weights != RANDOM:
        x = x * PIXELS  # keras.layers.Rescaling looks for TensorFlow under any backend
    for i in range(1, len(KERNELS) + 1):
        x = _convolution(x, i, filters[i - 1], regularizer)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        if i in POOLED:
            if min(x.shape[1:3]) < POOL:
                raise SerKerasError(
                    f"alexnet: an image of {input_shape[0]}x{input_shape[1]} is too small; give 227x227 (at least "
                    "67x67 from scratch)"
                )
            x = _normalised_and_pooled(x, i, variant)
    grid = tuple(x.shape[1:3])
    x = keras.layers.Flatten(name="flatten")(x)
    for i in (6, 7):
        options = {"kernel_initializer": INITIALIZER, "kernel_regularizer": regularizer}
        x = keras.layers.Dense(hidden, **options, name=f"fc{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x) if dropout else x
    model = keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")
    if weights != RANDOM:
        if grid[0] != grid[1] or input_shape[-1] != 3:
            raise SerKerasError(
                f"alexnet: published weights are of square RGB images, not {'x'.join(map(str, input_shape))}; set "
                "frontend.size=227 and frontend.colour=true"
            )
        _set_weights(model, load_alexnet(weights, variant, filters, hidden, grid[0]))
    return model


def _convolution(x, i, n_filters, regularizer):
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


def _normalised_and_pooled(x, i, variant):
    steps = [keras.layers.MaxPooling2D(POOL, POOL_STRIDE, name=f"pool{i}")]
    if i != POOLED[-1]:
        steps.insert(0 if variant == "alexnet" else 1, LocalResponseNormalization(name=f"norm{i}"))
    for step in steps:
        x = step(x)
    return x


def layout(filters=FILTERS, hidden=HIDDEN, grid=GRID):
    """Name -> shape of every array in the .npz, as Caffe keeps them.

    Kernels are [filters, input channels of a group, height, width], affine layers [outputs, inputs]; the inputs of fc6
    are the maps one after the other, each row by row.

    Args:
        filters, hidden: see `alexnet`.
        grid: rows and columns of the maps that fc6 sees.

    Returns:
        dict, `conv1_kernel`, `conv1_bias`, ... to `fc7_bias`.
    """
    shapes = {}
    channels = 3
    for i, (n_filters, kernel, groups) in enumerate(zip(filters, KERNELS, GROUPS, strict=True), start=1):
        shapes[f"conv{i}_kernel"] = (n_filters, channels // groups, kernel, kernel)
        shapes[f"conv{i}_bias"] = (n_filters,)
        channels = n_filters
    for name, n_inputs in (("fc6", channels * grid * grid), ("fc7", hidden)):
        shapes[f"{name}_kernel"] = (hidden, n_inputs)
        shapes[f"{name}_bias"] = (hidden,)
    return shapes


def load_alexnet(path, variant="alexnet", filters=FILTERS, hidden=HIDDEN, grid=GRID):
    """Read published weights and lay them out as Keras does.

    Args:
        path: an .npz as docs/alexnet.md describes it: the arrays of `layout`, and two texts: `variant`, and
            `channels`, the order of colours that the first convolution expects (`BGR` in Caffe, or `RGB`).
        variant, filters, hidden: see `alexnet`.
        grid: see `layout`.

    Returns:
        dict of float32 arrays under the names of `layout`: convolutions' kernels [height, width, input channels,
        filters], for RGB; affine kernels [inputs, outputs], inputs of fc6 in the order row, column, map.

    Raises:
        SerKerasError: missing, no .npz, of the other variant, or arrays missing, of other shapes, or not finite.
    """
    where = f"alexnet: weights {path}"
    expected = layout(filters, hidden, grid)
    arrays = _read(path, where, [*expected, "variant", "channels"])
    found, channels = str(arrays["variant"]), str(arrays["channels"]).upper()
    if found != variant:
        raise SerKerasError(f"{where} are of {found}, the model is {variant}; set model.variant={found}")
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


def _read(path, where, names):
    if not Path(path).is_file():
        raise SerKerasError(f"{where}: no such file; docs/alexnet.md says how to make it from the published one")
    try:
        # Pickled objects, which could run code, are refused.
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names if name in file.files}
            lacking = [name for name in names if name not in arrays]
            known = file.files
    except (OSError, EOFError, AttributeError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise SerKerasError(f"{where} can't be read as .npz ({reason}); docs/alexnet.md says how to make it") from None
    if lacking:
        raise SerKerasError(
            f"{where}: no array '{lacking[0]}'; nearest: {nearest(lacking[0], known)}; docs/alexnet.md lists them all"
        )
    return arrays


def _set_weights(model, arrays):
    for i, groups in enumerate(GROUPS, start=1):
        parts = "ab" if groups == 2 else [""]
        kernels, biases = (np.split(arrays[f"conv{i}_{kind}"], groups, axis=-1) for kind in ("kernel", "bias"))
        for part, *values in zip(parts, kernels, biases, strict=True):
            model.get_layer(f"conv{i}{part}").set_weights(values)
    for name in ("fc6", "fc7"):
        model.get_layer(name).set_weights([arrays[f"{name}_kernel"], arrays[f"{name}_bias"]])
