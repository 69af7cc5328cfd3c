"""The sparse auto-encoder's loss and its gradients in closed form."""

import numpy as np
import pytest

from ser_keras.models.layers.sparse_autoencoder import loss_and_gradients


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
@pytest.mark.parametrize(("sparsity_weight", "contractive"), [(0, 0), (3, 0), (3, 0.5)])
def test_the_gradients_are_those_of_the_loss(tied, decoder, sparsity_weight, contractive):
    rng = np.random.default_rng(0)
    # Some values are cut at the sigmoid decoder's range.
    x = rng.normal(0, 0.2, (9, 5))
    weights = [rng.normal(size=s) for s in ((5, 3), (3,), (3, 5), (5,))]
    if tied:
        weights[2] = None
    options = {"decoder": decoder, "sparsity": 0.1, "sparsity_weight": sparsity_weight, "contractive": contractive}
    _, gradients = loss_and_gradients(weights, x, **options)
    for weight, gradient in zip(weights, gradients, strict=True):
        if weight is None:
            continue
        for place in np.ndindex(weight.shape):
            given, losses = weight[place], []
            for step in (1e-5, -1e-5):
                weight[place] = given + step
                losses.append(loss_and_gradients(weights, x, **options)[0])
            weight[place] = given
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-5)


def test_the_loss_is_the_one_of_the_paper():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.1, (9, 5))
    encoder, hidden_bias, decoding, output_bias = (rng.normal(size=s) for s in ((5, 3), (3,), (3, 5), (5,)))
    options = {"decoder": "linear", "sparsity": 0.05, "sparsity_weight": 3.0, "contractive": 0.5}
    loss, _ = loss_and_gradients([encoder, hidden_bias, decoding, output_bias], x, **options)
    h = 1 / (1 + np.exp(-(x @ encoder + hidden_bias)))
    expected = np.mean([np.sum((x[i] - h[i] @ decoding - output_bias) ** 2) for i in range(9)])
    for mean in h.mean(axis=0):
        expected += 3 * (0.05 * np.log(0.05 / mean) + 0.95 * np.log(0.95 / (1 - mean)))
    jacobians = [(h[i] * (1 - h[i]))[:, np.newaxis] * encoder.T for i in range(9)]
    expected += 0.5 * np.mean([np.sum(j**2) for j in jacobians])
    assert loss == pytest.approx(expected)
