"""The net of Badshah et al. (2017) on spectrogram images."""

from collections.abc import Sequence

import keras

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.standardization import Standardization

KERNELS = (11, 5, 3)
STRIDE = 4  # of the first convolution
POOL, POOL_STRIDE = 3, 2


def badshah2017_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    filters: Sequence[int] = (120, 256, 384),
    hidden: Sequence[int] = (2048, 2048),
    dropout: float = 0.5,
    l2: float = 2.5e-4,
    initializer: str = "he_normal",
) -> keras.Model:
    """Three convolutions, each with ReLU and max-pooling, then three affine layers.

    C1 11x11, stride 4, without padding; C2 5x5 and C3 3x3, padded; pooling 3x3, stride 2:
    256 -> 62 -> 30 -> 14 -> 6. The training mean image is subtracted first (`Standardization`).

    Reference: A. M. Badshah, J. Ahmad, N. Rahim, S. W. Baik, Speech emotion recognition from spectrograms with deep
    convolutional neural network, PlatCon 2017, section II.C, figure 2. Pooling after C2 and C3, padding, mean image,
    weight decay and initialisation are ours: the paper gives none.

    Args:
        input_shape: (frequency, time, channels) of the image.
        n_classes: number of classes.
        filters: filters of each of the three convolutions.
        hidden: units of the affine layers before the last.
        dropout: share of the units dropped after each of these.
        l2: weight of the squared kernels in the loss; half of what Caffe calls weight decay.
        initializer: of the kernels, a Keras name.

    Input:
        [B, *input_shape], values in [0, 1].

    Output:
        [B, n_classes] probabilities, float32. 34.2 M parameters for 256 x 256 x 1 and 7 classes.

    Raises:
        SerKerasError: not three convolutions, an image too small for them, or an unknown initializer.
    """
    if len(filters) != len(KERNELS):
        raise SerKerasError(f"badshah2017_cnn: filters {list(filters)}: give one number for each of the 3 convolutions")
    try:
        keras.initializers.get(initializer)
    except ValueError:
        raise SerKerasError(
            f"badshah2017_cnn: initializer '{initializer}' is no Keras initializer; he_normal is the default"
        ) from None
    regularizer = l2_regularizer(l2)
    options = {"kernel_initializer": initializer, "kernel_regularizer": regularizer}
    inputs = keras.Input(input_shape, name="features")
    x = Standardization(axis=(1, 2, 3), scale=False, name="minus_training_mean")(inputs)
    for i, (n_filters, kernel) in enumerate(zip(filters, KERNELS, strict=True), start=1):
        first = {"strides": STRIDE, "padding": "valid"} if i == 1 else {"padding": "same"}
        if min(x.shape[1:3]) < (kernel + STRIDE * (POOL - 1) if i == 1 else POOL):
            raise SerKerasError(
                f"badshah2017_cnn: an image of {input_shape[0]}x{input_shape[1]} is too small for three convolutions "
                "with pooling; give at least 67x67 (frontend.size)"
            )
        x = keras.layers.Conv2D(n_filters, kernel, **first, **options, name=f"conv{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        x = keras.layers.MaxPooling2D(POOL, POOL_STRIDE, name=f"pool{i}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(units, **options, name=f"hidden{i}")(x)
        x = keras.layers.ReLU(name=f"relu_hidden{i}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x) if dropout else x
    return keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")
