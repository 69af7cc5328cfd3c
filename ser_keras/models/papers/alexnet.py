"""AlexNet and its twin CaffeNet, from scratch or from the weights that were published for ImageNet."""

import os
from collections.abc import Sequence

import keras

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.alexnet import (
    FILTERS,
    HIDDEN,
    KERNELS,
    RANDOM,
    VARIANTS,
    Variant,
    alexnet_hidden,
    set_published_weights,
)
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.standardization import Standardization


def alexnet(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    weights: str | os.PathLike[str] | None = None,
    variant: Variant = "alexnet",
    filters: Sequence[int] = FILTERS,
    hidden: int = HIDDEN,
    dropout: float = 0.5,
    l2: float = 2.5e-4,
) -> keras.Model:
    """Five convolutions, of which the second, fourth and fifth are of two groups, and three affine layers.

    The training mean image is subtracted first (`Standardization`). Published weights take pixels of 0 to 255, so the
    difference is scaled to that range for them. The last layer is new, whatever the weights.

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
        SerKerasError: no weights named, weights that do not fit, an unknown variant, or an image too small.
    """
    if weights is None:
        raise SerKerasError(
            "alexnet: no weights; set `model.weights=FILE.npz`, made from the published ones as docs/alexnet.md says, "
            f"or `model.weights={RANDOM}` to train from scratch"
        )
    if variant not in VARIANTS:
        raise SerKerasError(f"alexnet: variant is '{variant}'; nearest: {nearest(variant, VARIANTS)}")
    if len(filters) != len(KERNELS) or any(n % 2 for n in filters):
        raise SerKerasError(f"alexnet: filters {list(filters)}: give five even numbers, one for each convolution")
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")
    x = Standardization(axis=(1, 2, 3), scale=False, name="minus_training_mean")(inputs)
    x = alexnet_hidden(
        x,
        weights=weights,
        variant=variant,
        filters=filters,
        hidden=hidden,
        dropout=dropout,
        regularizer=regularizer,
    )
    x = keras.layers.Dropout(dropout, name="dropout7")(x) if dropout else x
    model = keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")
    if weights != RANDOM:
        set_published_weights(model, weights, variant, filters=filters, hidden=hidden)
    return model
