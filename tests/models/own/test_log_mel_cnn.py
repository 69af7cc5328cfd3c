"""The project's own net on log-mel features."""

from ser_keras.models.own.log_mel_cnn import log_mel_cnn
from tests.models.made_features import trainable


def test_log_mel_cnn_is_small():
    model = log_mel_cnn((298, 64, 1), 7)
    assert 100_000 < trainable(model) < 200_000
    assert model.output_shape == (None, 7)
