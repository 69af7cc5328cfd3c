"""Convolution kernels learnt without labels, by a sparse auto-encoder on patches of the training data."""

import dataclasses

import keras
import numpy as np
from keras import ops

from ser_keras.common.errors import SerKerasError, nearest

DECODERS = ("sigmoid", "linear")
# Patches are standardised so that RANGE deviations to either side of the mean become HALF_SPAN to either side of .5
# (sigmoid decoder: [.1, .9]) or of 0 (linear decoder).
RANGE, HALF_SPAN = 3.0, 0.4
BATCH = 500  # patches in a training step
TRAINING = ("decoder", "sparsity", "sparsity_weight", "contractive", "epochs", "learning_rate", "seed")
SETTINGS = ("n_kernels", "height", "stride", "share", "n_patches", *TRAINING)


@keras.saving.register_keras_serializable("ser_keras")
class SparseKernels(keras.layers.Layer):
    """Convolution over time with full-width kernels, the encoder of a sparse auto-encoder, and a sigmoid.

    `adapt` trains the auto-encoder on random patches of `height` frames; the kernels stay as they are from then on.
    Patches are standardised for it, each column by its mean and deviation; this is folded into kernel and bias, so that
    the layer takes the features as they are. Unadapted, its kernels are random.

    References: X. He, L. Ren, Y. He, Speech Emotion Recognition using CNNs and RNNs with Attention Model, 2019,
    section 3.1; Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, section 2.1; the
    contractive penalty: S. Rifai et al., Contractive Auto-Encoders, ICML 2011.

    Args:
        n_kernels: hidden units of the auto-encoder.
        height: frames that a kernel spans.
        stride: frames from one position of the kernels to the next.
        decoder: `sigmoid` (columns in [.1, .9], what lies beyond is cut) or `linear` (for values that leave [0, 1]).
        sparsity: the mean activation that each unit is pulled to (rho).
        sparsity_weight: weight of the divergence from it (mu); 0: no sparsity.
        contractive: weight of the squared Jacobian of the encoder. The decoder's weights are then the encoder's
            transposed: a small encoder with a large decoder would escape the penalty.
        share: share of the windows, drawn at random, from which patches are taken.
        n_patches: patches to train on, drawn at random; all of the share's where it has no more.
        epochs: how often each patch is seen.
        learning_rate: of Adam at the first step; it falls linearly to 0.
        seed: of windows, patches, first weights and order. Layers with the same seed take the same windows.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, D], or [B, T, D, 1].

    Output:
        [B, (T - height) // stride + 1, n_kernels], in (0, 1).

    Raises:
        SerKerasError: an unknown decoder, or kernels that don't fit the input; from `adapt`, where there is no data or
            it isn't finite.
    """

    def __init__(
        self,
        n_kernels,
        height,
        *,
        stride=1,
        decoder="sigmoid",
        sparsity=0.05,
        sparsity_weight=3.0,
        contractive=0.0,
        share=1 / 3,
        n_patches=100_000,
        epochs=10,
        learning_rate=0.01,
        seed=0,
        **kwargs,
    ):
        # As in `Standardization`: half precision may hold the result, not what it is made of.
        super().__init__(autocast=False, **kwargs)
        if decoder not in DECODERS:
            raise SerKerasError(f"{self.name}: decoder is '{decoder}'; nearest: {nearest(decoder, DECODERS)}")
        if not (0 < sparsity < 1 and 0 < share <= 1 and n_patches > 0):
            raise SerKerasError(
                f"{self.name}: sparsity {sparsity} must be between 0 and 1, share {share} above 0 and at most 1, "
                f"n_patches {n_patches} above 0"
            )
        self.n_kernels, self.height, self.stride = n_kernels, height, stride
        self.decoder, self.sparsity, self.sparsity_weight = decoder, sparsity, sparsity_weight
        self.contractive, self.share, self.n_patches = contractive, share, n_patches
        self.epochs, self.learning_rate, self.seed = epochs, learning_rate, seed

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        width = input_shape[2]
        limit = float(np.sqrt(6 / (self.height * width + self.n_kernels + 1)))
        initializer = keras.initializers.RandomUniform(-limit, limit, seed=self.seed)
        options = {"trainable": False, "dtype": "float32", "autocast": False}
        shape = (self.height, width, self.n_kernels)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel", **options)
        self.bias = self.add_weight(shape=(self.n_kernels,), initializer="zeros", name="bias", **options)

    def adapt(self, batches):
        """Train the auto-encoder and take its encoder as kernels.

        Args:
            batches: iterable of arrays [b, T, D] or [b, T, D, 1]; b may differ. Read once; the patches alone are kept.

        Returns:
            `Autoencoder`, of the standardised patches.

        Raises:
            SerKerasError: no data, or values that aren't finite.
        """
        patches = self._sample(batches)
        if not np.all(np.isfinite(patches)):
            raise SerKerasError(f"{self.name}: the training data holds values that aren't finite")
        mean, scale = _standardise(patches, self.height)
        result = train(patches, self.n_kernels, **{name: getattr(self, name) for name in TRAINING})
        # What the encoder does to (x - mean) * scale, the kernels do to x.
        kernel = result.encoder.astype(np.float64) * scale[:, np.newaxis]
        self.kernel.assign(kernel.reshape(self.kernel.shape).astype(np.float32))
        self.bias.assign((result.hidden_bias - mean @ kernel).astype(np.float32))
        return result

    def _sample(self, batches):
        """Random patches of random windows, [n, height * D] float32."""
        of_windows, of_patches = (np.random.default_rng([self.seed, i]) for i in range(2))
        kept, seen = None, 0
        for batch in batches:
            batch = np.asarray(batch, np.float32)
            if not batch.size:
                continue
            if not self.built:
                self.build(batch.shape)
            chosen = of_windows.random(len(batch)) < self.share
            if kept is None:
                kept = np.empty((self.n_patches, self.height * batch.shape[2]), np.float32)
                chosen[0] = True  # of very few windows the share may be none
            windows = batch.reshape(*batch.shape[:3])[chosen]
            n_positions = windows.shape[1] - self.height + 1
            numbers = seen + np.arange(len(windows) * n_positions)
            seen += len(numbers)
            # Vitter 1985, algorithm R: patch i takes a random place of 0..i, if there is such a place.
            places = (of_patches.random(len(numbers)) * (numbers + 1)).astype(int)
            places = np.where(numbers < self.n_patches, numbers, places)
            taken = np.flatnonzero(places < self.n_patches)
            window, position = np.divmod(taken, n_positions)
            frames = position[:, np.newaxis] + np.arange(self.height)
            # Where two take the same place, the last assigned stays.
            kept[places[taken]] = windows[window[:, np.newaxis], frames].reshape(len(taken), kept.shape[1])
        if kept is None:
            raise SerKerasError(f"{self.name}: no training data to adapt to")
        return kept[:seen]

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        if len(x.shape) == 4:
            x = ops.squeeze(x, -1)
        x = ops.conv(x, self.kernel, strides=self.stride, padding="valid", data_format="channels_last")
        return ops.cast(ops.sigmoid(x + self.bias), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        if len(input_shape) not in (3, 4) or (len(input_shape) == 4 and input_shape[3] != 1):
            raise SerKerasError(f"{self.name}: takes [B, T, D] or [B, T, D, 1], not {tuple(input_shape)}")
        if input_shape[1] is not None and input_shape[1] < self.height:
            raise SerKerasError(
                f"{self.name}: kernels of {self.height} frames don't fit {input_shape[1]} frames; make window_s longer"
            )
        steps = None if input_shape[1] is None else (input_shape[1] - self.height) // self.stride + 1
        return (input_shape[0], steps, self.n_kernels)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in SETTINGS}}


def _standardise(patches, height):
    """Scale patches [n, height * D] in place, each column of D by its mean and deviation; returns both, [height * D].

    The deviation comes as the factor that was applied; a constant column isn't scaled.
    """
    columns = patches.reshape(len(patches) * height, -1)
    mean = columns.mean(axis=0, dtype=np.float64)
    columns -= mean.astype(np.float32)
    deviation = np.sqrt(np.mean(np.square(columns), axis=0, dtype=np.float64))
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
    scale = HALF_SPAN / RANGE / np.where(constant, 1.0, deviation)
    columns *= scale.astype(np.float32)
    return np.tile(mean, height), np.tile(scale, height)


@dataclasses.dataclass
class Autoencoder:
    """A trained auto-encoder: h = sigmoid(x encoder + hidden_bias), x~ = h decoder + output_bias, or its sigmoid.

    Attributes:
        encoder: [D, m].
        hidden_bias: [m].
        decoder: [m, D].
        output_bias: [D].
        losses: mean loss of each epoch.
    """

    encoder: np.ndarray
    hidden_bias: np.ndarray
    decoder: np.ndarray
    output_bias: np.ndarray
    losses: list


def loss_and_gradients(weights, x, *, decoder, sparsity, sparsity_weight, contractive):
    """Loss of an auto-encoder on a batch, and its gradients in closed form.

    The loss is the squared error of a patch, its mean over the batch; plus `sparsity_weight` times the sum over units
    of the Kullback-Leibler divergence between Bernoulli variables of mean `sparsity` and of the unit's mean activation;
    plus `contractive` times the squared Frobenius norm of dh/dx, its mean over the batch.

    Args:
        weights: [encoder [D, m], hidden_bias [m], decoder [m, D] or None for the encoder transposed, output_bias [D]].
        x: [n, D], centred on 0. The sigmoid decoder's target is x + .5, cut at .5 +- HALF_SPAN.
        decoder, sparsity, sparsity_weight, contractive: see `SparseKernels`.

    Returns:
        (loss, list of gradients like `weights`).
    """
    encoder, hidden_bias, decoding, output_bias = weights
    tied = decoding is None
    n = len(x)
    h = _sigmoid(x @ encoder + hidden_bias)
    slope = h * (1 - h)
    y = h @ (encoder.T if tied else decoding) + output_bias
    if decoder == "sigmoid":
        y = _sigmoid(y)
        error = y - (np.clip(x, -HALF_SPAN, HALF_SPAN) + 0.5)
        d_y = error * y * (1 - y) * (2 / n)
    else:
        error = y - x
        d_y = error * (2 / n)
    loss = np.vdot(error, error) / n
    d_decoding, d_output_bias = h.T @ d_y, d_y.sum(axis=0)
    d_h = d_y @ (encoder if tied else decoding.T)
    if sparsity_weight:
        mean = np.clip(h.mean(axis=0), 1e-6, 1 - 1e-6)
        divergence = sparsity * np.log(sparsity / mean) + (1 - sparsity) * np.log((1 - sparsity) / (1 - mean))
        loss += sparsity_weight * divergence.sum()
        d_h += sparsity_weight / n * ((1 - sparsity) / (1 - mean) - sparsity / mean)
    d_encoder = 0
    if contractive:
        # dh_j/dx = slope_j W_j
        lengths = np.square(encoder).sum(axis=0)
        squares = np.square(slope).mean(axis=0)
        loss += contractive * np.vdot(squares, lengths)
        d_h += contractive / n * 2 * slope * (1 - 2 * h) * lengths
        d_encoder = contractive * 2 * squares * encoder
    d_a = d_h * slope
    d_encoder = d_encoder + x.T @ d_a
    if tied:
        d_encoder = d_encoder + d_decoding.T
    return loss, [d_encoder, d_a.sum(axis=0), None if tied else d_decoding, d_output_bias]


def train(x, n_units, *, decoder, sparsity, sparsity_weight, contractive, epochs, learning_rate, seed):
    """Train an auto-encoder by Adam on mini-batches.

    Args:
        x: [n, D] float32 patches, centred on 0.
        n_units: hidden units.
        decoder, sparsity, sparsity_weight, contractive, epochs, learning_rate: see `SparseKernels`.
        seed: of first weights and order.

    Returns:
        `Autoencoder`.
    """
    rng = np.random.default_rng([seed, 2])
    size = x.shape[1]
    limit = np.sqrt(6 / (size + n_units + 1))
    encoder, decoding = (rng.uniform(-limit, limit, s).astype(np.float32) for s in ((size, n_units), (n_units, size)))
    # Units start where the sparsity pulls them.
    hidden_bias = np.full(n_units, np.log(sparsity / (1 - sparsity)) if sparsity_weight else 0, np.float32)
    weights = [encoder, hidden_bias, None if contractive else decoding, np.zeros(size, np.float32)]
    options = {"decoder": decoder, "sparsity": sparsity, "sparsity_weight": sparsity_weight, "contractive": contractive}
    moments = [None if w is None else (np.zeros_like(w), np.zeros_like(w)) for w in weights]
    n_batches = -(-len(x) // BATCH)
    n_steps, step, losses = epochs * n_batches, 0, []
    for _ in range(epochs):
        total = 0.0
        for rows in np.array_split(rng.permutation(len(x)), n_batches):
            loss, gradients = loss_and_gradients(weights, x[rows], **options)
            total += loss
            # Kingma & Ba 2015, Adam
            rate = learning_rate * (1 - step / n_steps)
            step += 1
            rate *= np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for weight, gradient, moment in zip(weights, gradients, moments, strict=True):
                if weight is None:
                    continue
                first, second = moment
                first += (1 - 0.9) * (gradient - first)
                second += (1 - 0.999) * (np.square(gradient) - second)
                weight -= (rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)
        losses.append(float(total / n_batches))
    encoder, hidden_bias, decoding, output_bias = weights
    return Autoencoder(encoder, hidden_bias, encoder.T if decoding is None else decoding, output_bias, losses)


def _sigmoid(a):
    # The hyperbolic tangent doesn't overflow.
    return 0.5 + 0.5 * np.tanh(0.5 * a)
