"""Sound files that the tests write."""

from ser_keras.audio.samples import SAMPLE_RATE
from tests.broken_audio import encode


def write(path, samples, rate=SAMPLE_RATE, **kind):
    path.write_bytes(encode(samples, rate, **kind))
    return path
