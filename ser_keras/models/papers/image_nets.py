"""Nets of pictures: a small one from scratch, and those of Keras that were trained on ImageNet."""

import warnings
from pathlib import Path

import keras

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.standardization import Standardization
from ser_keras.models.papers.alexnet import VARIANTS, alexnet

# Of `keras.applications`: how each expects its pixels (`keras.applications.imagenet_utils.preprocess_input`).
APPLICATIONS = {
    "DenseNet121": "torch",
    "EfficientNetV2B0": "torch",
    "MobileNetV2": "tf",
    "ResNet50": "caffe",
    "VGG16": "caffe",
}
SMALL = "small"
IMAGENET, RANDOM = "imagenet", "random"
PIXELS = 255.0


def keras_application(
    input_shape, n_classes, *, application="MobileNetV2", weights=None, dropout=0.5, l2=2.5e-4, frozen=False
):
    """A net of `keras.applications` without its last layers, the mean of its maps, dropout and a new softmax layer.

    Batch normalisation keeps the statistics of ImageNet, in training too: those of small batches of one corpus's faces
    would undo what the weights were trained with.

    References: the nets' own, see https://keras.io/api/applications. On faces in place of CaffeNet, as N. Anand,
    P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.2.

    Args:
        input_shape: (rows, columns, 3) of the picture.
        n_classes: number of classes.
        application: one of APPLICATIONS.
        weights: `imagenet`: downloaded by Keras into ~/.keras on the first use; the path of a weights file of the net
            without its last layers (Keras publishes them as `*_notop.h5`); or `random`: from scratch.
        dropout: share of the values dropped before the last layer.
        l2: weight of the last layer's squared kernel in the loss.
        frozen: whether the last layer alone is trained.

    Input:
        [B, *input_shape], RGB in [0, 1].

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: no weights named, weights that can't be had or don't fit, an unknown net, grey pictures.
    """
    inputs = keras.Input(input_shape, name="features")
    x = _application(inputs, application, weights, frozen, "keras_application")
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    return keras.Model(inputs, class_probabilities(x, n_classes, l2_regularizer(l2)), name="classifier")


def picture_vector(x, *, net, weights, filters, hidden, dropout, regularizer, builder):
    """What a net makes of pictures, as one hidden layer: [B, rows, columns, channels] in [0, 1] to [B, hidden].

    Args:
        x: Keras tensor.
        net: `small`: a convolution of 3x3, ReLU and 2x2 max-pooling for each of `filters`; `caffenet` or `alexnet`
            up to its last hidden layer (`models.alexnet`); or one of APPLICATIONS.
        weights: None for `small`; otherwise as the net's own builder takes them.
        filters: of `small`.
        hidden: units of the hidden layer behind the net.
        dropout: share of the values dropped before it.
        regularizer: of the kernels of `small` and of the hidden layer.
        builder: for messages.

    Raises:
        SerKerasError: an unknown net, weights that can't be had or don't fit, or pictures that don't fit.
    """
    nets = (SMALL, *VARIANTS, *APPLICATIONS)
    if net not in nets:
        raise SerKerasError(f"{builder}: face_net is '{net}'; nearest: {nearest(net, nets)}")
    if net == SMALL and weights is not None:
        raise SerKerasError(
            f"{builder}: face_weights are for pre-trained nets ({', '.join(nets[1:])}), not for {SMALL}"
        )
    if net in VARIANTS and weights is None:
        raise SerKerasError(
            f"{builder}: no weights for {net}; face_weights must name the .npz that docs/alexnet.md says how to make, "
            f"or be `{RANDOM}` to train from scratch"
        )
    if net in APPLICATIONS:
        x = _application(x, net, weights, False, builder)
    else:
        x = Standardization(axis=(1, 2, 3), scale=False, name="minus_mean_picture")(x)
        x = _small(x, filters, regularizer, builder) if net == SMALL else _alexnet(x, net, weights)
    x = keras.layers.Dropout(dropout, name="face_dropout")(x) if dropout else x
    x = keras.layers.Dense(hidden, kernel_regularizer=regularizer, name="face_hidden")(x)
    return keras.layers.ReLU(name="face_relu_hidden")(x)


def _small(x, filters, regularizer, builder):
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


def _alexnet(x, variant, weights):
    """From pictures without their mean to fc7's outputs."""
    whole = alexnet(tuple(x.shape[1:]), 2, weights=weights, variant=variant)
    begin, end = whole.get_layer("minus_training_mean").output, whole.get_layer("relu7").output
    return keras.Model(begin, end, name=variant)(x)


def _application(x, application, weights, frozen, builder):
    """Pictures in [0, 1] to the mean of the last maps, [B, C]."""
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
    net = _net(application, tuple(x.shape[1:]), weights, builder)
    net.trainable = not frozen
    mode = APPLICATIONS[application]
    x = keras.applications.imagenet_utils.preprocess_input(x * PIXELS, data_format="channels_last", mode=mode)
    return keras.layers.GlobalAveragePooling2D(name="mean_of_maps")(net(x, training=False))


def _net(application, shape, weights, builder):
    kind = getattr(keras.applications, application)
    options = {"include_top": False, "input_shape": shape, "weights": None if weights == RANDOM else weights}
    if application.startswith("EfficientNetV2"):
        options["include_preprocessing"] = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that weights are of another size of pictures: their maps fit any
            return kind(**options)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        reason = " ".join(str(error).split())
        raise SerKerasError(f"{builder}: {application} with weights={weights} can't be made: {reason}") from error
