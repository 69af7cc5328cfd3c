"""The nets of Anand & Verma (2015) that see one window: convolutional and fully connected."""

from collections.abc import Sequence

import keras

from ser_keras.models.layers.blocks import (
    Pool,
    class_probabilities,
    convolved,
    fully_connected,
    l2_regularizer,
    minus_training_mean,
)


def anand2015_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    filters: Sequence[int] = (32,),
    kernel: tuple[int, int] = (64, 5),
    hidden: int = 64,
    dropout: float = 0.0,
    leaky_slope: float = 0.0,
    pool: Pool = "flatten",
    l2: float = 1e-4,
    replace_anomalous: float | None = None,
) -> keras.Model:
    """[conv - ReLU - max-pool] once or twice, then two affine layers: S1 to S4 and R1 to R6 of the paper's table 4.

    A kernel as high as the features ("rectangular") convolves over time alone: `valid`, pool 1x2. Its output has the
    height 1, so a second kernel is 1 high. Any other kernel ("square") is `same`, pool 2x2. The training mean of each
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
        replace_anomalous: robust standard deviations beyond which a value is replaced before anything else
            (`ReplaceAnomalies`; section 2); None: no value is.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32.

    Raises:
        SerKerasError: a kernel that does not fit the features, or an unknown pool.
    """
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")
    x = minus_training_mean(inputs, replace_anomalous)
    x = convolved(
        x,
        filters=filters,
        kernel=kernel,
        hidden=hidden,
        dropout=dropout,
        leaky_slope=leaky_slope,
        pool=pool,
        regularizer=regularizer,
        builder="anand2015_cnn",
    )
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout2")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")


def anand2015_dense(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: Sequence[int] = (64,),
    dropout: float = 0.0,
    l2: float = 1e-4,
    scale: bool = False,
    replace_anomalous: float | None = None,
) -> keras.Model:
    """Fully connected nets: `fc2` and `fc3` on the spectrogram; without hidden layers, softmax regression.

    The training mean of each frequency and channel is subtracted first; a vector of features keeps a mean of each.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 1.

    Args:
        input_shape: (frequency, time, channels), or (features,).
        n_classes: number of classes.
        hidden: units of each hidden layer: one for fc2, two for fc3, none for softmax.
        dropout: share of the units dropped before each affine layer but the first.
        l2: weight of the squared kernels in the loss.
        scale: whether to divide by the training standard deviation too; features of different units need it.
        replace_anomalous: see `anand2015_cnn`.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32.
    """
    inputs = keras.Input(input_shape, name="features")
    x = minus_training_mean(inputs, replace_anomalous, scale)
    return fully_connected(inputs, x, n_classes, hidden=hidden, dropout=dropout, l2=l2)
