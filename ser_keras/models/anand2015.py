"""The convolutional nets of Anand & Verma (2015)."""

import keras

from ser_keras.errors import SerKerasError, nearest
from ser_keras.models.adapted import Standardization

POOLS = ("flatten", "global")


def anand2015_cnn(
    input_shape,
    n_classes,
    *,
    filters=(32,),
    kernel=(64, 5),
    hidden=64,
    dropout=0.0,
    leaky_slope=0.0,
    pool="flatten",
    l2=1e-4,
):
    """[conv - ReLU - max-pool] once or twice, then two affine layers: S1 to S4 and R1 to R6 of the paper's table 4.

    A kernel as high as the features ("rectangular") convolves over time alone: `valid`, pool 1x2; what it leaves is of
    height 1, so that a second one is 1 high. Any other kernel ("square") is `same`, pool 2x2. The training mean of each
    frequency and channel is subtracted first (`Standardization`).

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 4.

    Args:
        input_shape: (frequency, time, channels) of the features.
        n_classes: number of classes.
        filters: filters of each convolution.
        kernel: (height, width) of the convolutions' kernels, in frequency bins and frames.
        hidden: units of the first affine layer.
        dropout: share of the units dropped before each affine layer (R6: .5).
        leaky_slope: slope of the rectifier below 0 (R6: .01).
        pool: `flatten`, or `global`: the maximum of each map, which leaves 722 k of R1's 2.6 M parameters.
        l2: weight of the squared kernels in the loss.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: a kernel that doesn't fit the features, or an unknown pool.
    """
    if pool not in POOLS:
        raise SerKerasError(f"anand2015_cnn: pool is '{pool}'; nearest: {nearest(pool, POOLS)}")
    regularizer = keras.regularizers.L2(l2) if l2 else None
    inputs = keras.Input(input_shape, name="features")
    x = Standardization(axis=(1, 3), scale=False, name="minus_training_mean")(inputs)
    rectangular = kernel[0] >= input_shape[0]
    pooling = (1, 2) if rectangular else (2, 2)
    for i, n_filters in enumerate(filters, start=1):
        height, width = x.shape[1:3]
        if width < kernel[1] + 1 or height < pooling[0]:
            raise SerKerasError(
                f"anand2015_cnn: kernel {kernel[0]}x{kernel[1]} and pool {pooling[0]}x{pooling[1]} of convolution {i} "
                f"don't fit its input of {height}x{width}; make window_s longer or the kernel smaller"
            )
        x = keras.layers.Conv2D(
            n_filters,
            (min(kernel[0], height), kernel[1]),
            padding="valid" if rectangular else "same",
            kernel_regularizer=regularizer,
            name=f"conv{i}",
        )(x)
        x = keras.layers.ReLU(negative_slope=leaky_slope, name=f"relu{i}")(x)
        x = keras.layers.MaxPooling2D(pooling, name=f"pool{i}")(x)
    x = (
        keras.layers.Flatten(name="flatten")(x)
        if pool == "flatten"
        else keras.layers.GlobalMaxPooling2D(name="global")(x)
    )
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout1")(x)
    x = keras.layers.Dense(hidden, kernel_regularizer=regularizer, name="hidden")(x)
    x = keras.layers.ReLU(negative_slope=leaky_slope, name="relu_hidden")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout2")(x)
    x = keras.layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="classifier")
