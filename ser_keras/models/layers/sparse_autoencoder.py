"""A sparse auto-encoder, trained by its gradients in closed form (NumPy alone)."""

import dataclasses
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Decoder = Literal["sigmoid", "linear"]
DECODERS: tuple[Decoder, ...] = get_args(Decoder)
# Patches lie within HALF_SPAN to either side of .5 (sigmoid decoder: [.1, .9]) or of 0 (linear decoder).
HALF_SPAN = 0.4
BATCH = 500  # patches in a training step


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

    encoder: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    decoder: NDArray[np.float32]
    output_bias: NDArray[np.float32]
    losses: list[float]


def loss_and_gradients(
    weights: list[NDArray[np.floating] | None],
    x: NDArray[np.floating],
    *,
    decoder: Decoder,
    sparsity: float,
    sparsity_weight: float,
    contractive: float,
) -> tuple[float, list[NDArray[np.floating] | None]]:
    """Loss of an auto-encoder on a batch, and its gradients in closed form.

    The loss is the squared error of a patch, its mean over the batch; plus `sparsity_weight` times the sum over units
    of the Kullback-Leibler divergence between Bernoulli variables of mean `sparsity` and of the unit's mean activation;
    plus `contractive` times the squared Frobenius norm of dh/dx, its mean over the batch.

    Args:
        weights: [encoder [D, m], hidden_bias [m], decoder [m, D] or None for the encoder transposed, output_bias [D]].
        x: [n, D], centred on 0. The sigmoid decoder's target is x + .5, cut at .5 +- HALF_SPAN.
        decoder, sparsity, sparsity_weight, contractive: see `SparseKernels`.

    Returns:
        The loss, and gradients in the order of `weights`.
    """
    encoder, hidden_bias, decoding, output_bias = weights
    assert encoder is not None and hidden_bias is not None and output_bias is not None
    n = len(x)
    h = _sigmoid(x @ encoder + hidden_bias)
    slope = h * (1 - h)
    y = h @ (encoder.T if decoding is None else decoding) + output_bias
    if decoder == "sigmoid":
        y = _sigmoid(y)
        error = y - (np.clip(x, -HALF_SPAN, HALF_SPAN) + 0.5)
        d_y = error * y * (1 - y) * (2 / n)
    else:
        error = y - x
        d_y = error * (2 / n)
    loss = np.vdot(error, error) / n
    d_decoding, d_output_bias = h.T @ d_y, d_y.sum(axis=0)
    d_h = d_y @ (encoder if decoding is None else decoding.T)
    if sparsity_weight:
        mean = np.clip(h.mean(axis=0), 1e-6, 1 - 1e-6)
        divergence = sparsity * np.log(sparsity / mean) + (1 - sparsity) * np.log((1 - sparsity) / (1 - mean))
        loss += sparsity_weight * divergence.sum()
        d_h += sparsity_weight / n * ((1 - sparsity) / (1 - mean) - sparsity / mean)
    d_encoder = np.zeros_like(encoder)
    if contractive:
        # dh_j/dx = slope_j W_j
        lengths = np.square(encoder).sum(axis=0)
        squares = np.square(slope).mean(axis=0)
        loss += contractive * np.vdot(squares, lengths)
        d_h += contractive / n * 2 * slope * (1 - 2 * h) * lengths
        d_encoder = contractive * 2 * squares * encoder
    d_a = d_h * slope
    d_encoder = d_encoder + x.T @ d_a
    if decoding is None:
        return float(loss), [d_encoder + d_decoding.T, d_a.sum(axis=0), None, d_output_bias]
    return float(loss), [d_encoder, d_a.sum(axis=0), d_decoding, d_output_bias]


def train(
    x: NDArray[np.float32],
    n_units: int,
    *,
    decoder: Decoder,
    sparsity: float,
    sparsity_weight: float,
    contractive: float,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> Autoencoder:
    """Train an auto-encoder by Adam on mini-batches.

    Args:
        x: [n, D] float32 patches, centred on 0.
        n_units: hidden units.
        decoder, sparsity, sparsity_weight, contractive, epochs, learning_rate: see `SparseKernels`.
        seed: of first weights and order.
    """
    rng = np.random.default_rng([seed, 2])
    size = x.shape[1]
    limit = np.sqrt(6 / (size + n_units + 1))
    encoder, decoding = (rng.uniform(-limit, limit, s).astype(np.float32) for s in ((size, n_units), (n_units, size)))
    # Units start where the sparsity pulls them.
    hidden_bias = np.full(n_units, np.log(sparsity / (1 - sparsity)) if sparsity_weight else 0, np.float32)
    output_bias = np.zeros(size, np.float32)
    weights: list[NDArray[np.floating] | None] = [
        encoder,
        hidden_bias,
        None if contractive else decoding,
        output_bias,
    ]
    moments = [None if w is None else (np.zeros_like(w), np.zeros_like(w)) for w in weights]
    n_batches = -(-len(x) // BATCH)
    n_steps, step, losses = epochs * n_batches, 0, []
    for _ in range(epochs):
        total = 0.0
        for rows in np.array_split(rng.permutation(len(x)), n_batches):
            loss, gradients = loss_and_gradients(
                weights,
                x[rows],
                decoder=decoder,
                sparsity=sparsity,
                sparsity_weight=sparsity_weight,
                contractive=contractive,
            )
            total += loss
            # Kingma & Ba 2015, Adam
            rate = learning_rate * (1 - step / n_steps)
            step += 1
            rate *= np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for weight, gradient, moment in zip(weights, gradients, moments, strict=True):
                if weight is None or gradient is None or moment is None:
                    continue
                first, second = moment
                first += (1 - 0.9) * (gradient - first)
                second += (1 - 0.999) * (np.square(gradient) - second)
                weight -= (rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)
        losses.append(float(total / n_batches))
    # The arrays were trained in place.
    return Autoencoder(encoder, hidden_bias, encoder.T if contractive else decoding, output_bias, losses)


def _sigmoid(a: NDArray[np.floating]) -> NDArray[np.floating]:
    # The hyperbolic tangent doesn't overflow.
    return 0.5 + 0.5 * np.tanh(0.5 * a)
