"""Nets of Keras that were trained on ImageNet."""

import os

import keras

from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.picture_nets import Application, application_features


def keras_application(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    application: Application = "MobileNetV2",
    weights: str | os.PathLike[str] | None = None,
    dropout: float = 0.5,
    l2: float = 2.5e-4,
    frozen: bool = False,
) -> keras.Model:
    """A net of `keras.applications` without its last layers, the mean of its maps, dropout and a new softmax layer.

    Batch normalisation keeps the statistics of ImageNet, in training too (see `application_features`).

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
        SerKerasError: no weights named, weights that cannot be had or do not fit, an unknown net, grey pictures.
    """
    inputs = keras.Input(input_shape, name="features")
    x = application_features(
        inputs, application=application, weights=weights, frozen=frozen, builder="keras_application"
    )
    x = keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x
    return keras.Model(inputs, class_probabilities(x, n_classes, l2_regularizer(l2)), name="classifier")
