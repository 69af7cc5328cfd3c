"""Nets of pictures without their last layers: a small one from scratch, and those trained on ImageNet."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import keras

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.alexnet import PIXELS, RANDOM, VARIANTS, Variant, alexnet_hidden, set_published_weights
from ser_keras.models.layers.blocks import l2_regularizer
from ser_keras.models.layers.standardization import Standardization

Application = Literal["DenseNet121", "EfficientNetV2B0", "MobileNetV2", "ResNet50", "VGG16"]
# Of `keras.applications`: how each expects its pixels (`keras.applications.imagenet_utils.preprocess_input`).
APPLICATIONS: dict[Application, Literal["torch", "tf", "caffe"]] = {
    "DenseNet121": "torch",
    "EfficientNetV2B0": "torch",
    "MobileNetV2": "tf",
    "ResNet50": "caffe",
    "VGG16": "caffe",
}
PictureNet = Literal["small"] | Variant | Application
SMALL: Literal["small"] = "small"
IMAGENET = "imagenet"
ALEXNET_L2 = 2.5e-4  # as the recipes of `alexnet` have it


def picture_vector(
    x: keras.KerasTensor,
    *,
    net: PictureNet,
    weights: str | os.PathLike[str] | None,
    filters: Sequence[int],
    hidden: int,
    dropout: float,
    regularizer: keras.regularizers.Regularizer | None,
    builder: str,
) -> keras.KerasTensor:
    """Pictures to one hidden layer behind a net: [B, rows, columns, channels] in [0, 1] to [B, hidden].

    Args:
        x: Keras tensor.
        net: `small`: a convolution of 3x3, ReLU and 2x2 max-pooling for each of `filters`; `caffenet` or `alexnet`
            up to its last hidden layer (`layers.alexnet`); or one of APPLICATIONS.
        weights: None for `small`; otherwise as the net's own builder takes them.
        filters: of `small`.
        hidden: units of the hidden layer behind the net.
        dropout: share of the values dropped before it.
        regularizer: of the kernels of `small` and of the hidden layer.
        builder: for messages.

    Raises:
        SerKerasError: an unknown net, weights that cannot be had or do not fit, or pictures that do not fit.
    """
    nets = (SMALL, *VARIANTS, *APPLICATIONS)
    if net not in nets:
        raise SerKerasError(f"{builder}: face_net is '{net}'; nearest: {nearest(net, nets)}")
    if net == SMALL:
        if weights is not None:
            raise SerKerasError(
                f"{builder}: face_weights are for pre-trained nets ({', '.join(nets[1:])}), not for {SMALL}"
            )
        x = _small(_minus_mean_picture(x), filters, regularizer, builder=builder)
    elif net == "alexnet" or net == "caffenet":
        if weights is None:
            raise SerKerasError(
                f"{builder}: no weights for {net}; face_weights must name the .npz that docs/alexnet.md says how to "
                f"make, or be `{RANDOM}` to train from scratch"
            )
        x = _alexnet(_minus_mean_picture(x), net, weights)
    else:
        x = application_features(x, application=net, weights=weights, frozen=False, builder=builder)
    x = keras.layers.Dropout(dropout, name="face_dropout")(x) if dropout else x
    x = keras.layers.Dense(hidden, kernel_regularizer=regularizer, name="face_hidden")(x)
    return keras.layers.ReLU(name="face_relu_hidden")(x)


def application_features(
    x: keras.KerasTensor,
    *,
    application: Application,
    weights: str | os.PathLike[str] | None,
    frozen: bool,
    builder: str,
) -> keras.KerasTensor:
    """Pictures to the mean of a net's last maps: [B, rows, columns, 3] in [0, 1] to [B, C].

    Batch normalisation keeps the statistics of ImageNet, in training too: those of small batches of one corpus's faces
    would undo what the weights were trained with.

    Args:
        x: Keras tensor.
        application, weights, frozen: see `papers.image_nets.keras_application`.
        builder: for messages.

    Raises:
        SerKerasError: no weights named, weights that cannot be had or do not fit, an unknown net, grey pictures.
    """
    if application not in APPLICATIONS:
        raise SerKerasError(f"{builder}: no net '{application}'; nearest: {nearest(application, APPLICATIONS)}")
    if x.shape[-1] != 3:
        raise SerKerasError(f"{builder}: {application} takes pictures in colour; set frontend.colour=true")
    if weights is None:
        raise SerKerasError(
            f"{builder}: no weights for {application}; give `{IMAGENET}` (Keras downloads them once), the path of a "
            f"weights file without the last layers (*_notop.h5), or `{RANDOM}` to train from scratch"
        )
    if weights not in (IMAGENET, RANDOM) and not Path(weights).is_file():
        raise SerKerasError(f"{builder}: weights {weights}: no such file (`{IMAGENET}` downloads them)")
    net = _net(application, tuple(x.shape[1:]), weights, builder=builder)
    net.trainable = not frozen
    mode = APPLICATIONS[application]
    x = keras.applications.imagenet_utils.preprocess_input(x * PIXELS, data_format="channels_last", mode=mode)
    return keras.layers.GlobalAveragePooling2D(name="mean_of_maps")(net(x, training=False))


def _minus_mean_picture(x: keras.KerasTensor) -> keras.KerasTensor:
    return Standardization(axis=(1, 2, 3), scale=False, name="minus_mean_picture")(x)


def _small(
    x: keras.KerasTensor,
    filters: Sequence[int],
    regularizer: keras.regularizers.Regularizer | None,
    *,
    builder: str,
) -> keras.KerasTensor:
    for i, n_filters in enumerate(filters, start=1):
        if min(x.shape[1:3]) < 2:
            raise SerKerasError(
                f"{builder}: pictures are too small for {len(filters)} convolutions with pooling; give frontend.size "
                f"at least {2 ** len(filters)}, or fewer face_filters"
            )
        options = {"padding": "same", "kernel_initializer": "he_normal", "kernel_regularizer": regularizer}
        x = keras.layers.Conv2D(n_filters, 3, **options, name=f"face_conv{i}")(x)
        x = keras.layers.ReLU(name=f"face_relu{i}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"face_pool{i}")(x)
    return keras.layers.Flatten(name="face_flatten")(x)


def _alexnet(x: keras.KerasTensor, variant: Variant, weights: str | os.PathLike[str]) -> keras.KerasTensor:
    """From pictures without their mean to fc7's outputs."""
    inputs = keras.Input(tuple(x.shape[1:]), name="pictures")
    outputs = alexnet_hidden(inputs, weights=weights, variant=variant, regularizer=l2_regularizer(ALEXNET_L2))
    model = keras.Model(inputs, outputs, name=variant)
    if weights != RANDOM:
        set_published_weights(model, weights, variant)
    return model(x)


def _net(
    application: Application, shape: tuple[int, ...], weights: str | os.PathLike[str], *, builder: str
) -> keras.Model:
    application_class = getattr(keras.applications, application)
    options = {"include_top": False, "input_shape": shape, "weights": None if weights == RANDOM else weights}
    if application.startswith("EfficientNetV2"):
        options["include_preprocessing"] = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that weights are of another size of pictures: their maps fit any
            return application_class(**options)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        reason = " ".join(str(error).split())
        raise SerKerasError(f"{builder}: {application} with weights={weights} can't be made: {reason}") from error
