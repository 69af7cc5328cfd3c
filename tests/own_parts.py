"""One's own parts as a user writes them: the source of a module, which tests put into a folder."""

SOURCE = """
import keras
import numpy as np
from keras import ops

from ser_keras.corpora.corpus import Reader
from ser_keras.corpora.readers import manifest
from ser_keras.features.conditions.base import Kind, Number
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.base import FrontEnd, frames
from ser_keras.models.layers.standardization import Standardization


@keras.saving.register_keras_serializable("own_parts")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2.0 * x


def tiny(input_shape, n_classes, *, units=8):
    inputs = keras.Input(input_shape, name="features")
    x = Doubled()(Standardization(axis=2)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(n_classes)(keras.layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, keras.layers.Softmax(dtype="float32")(x), name="classifier")


@keras.saving.register_keras_serializable("own_parts")
class FrameEnergy(FrontEnd):
    SPECTRUM_POWER, log_offset = 2, 1e-6

    def __init__(self, *, length=256, **kwargs):
        super().__init__(**kwargs)
        self.length = self.frame_length = self.hop_length = length

    @property
    def bin_hz(self):
        return np.arange(self.length // 2 + 1) * 16000 / self.length

    def spectrum(self, wave, starts=None):
        real, imaginary = ops.rfft(frames(wave, self.length, self.length, count=self.n_frames(wave.shape[1])))
        return ops.expand_dims(real**2 + imaginary**2, 1)

    def features(self, spectrum):
        return ops.expand_dims(ops.log(spectrum[:, 0, :, :32] + self.log_offset), -1)

    def compute_output_shape(self, shape):
        return (shape[0], self.n_frames(shape[1]), 32, 1)

    def get_config(self):
        return {**super().get_config(), "length": self.length}


class Loudness(Extractor):
    def __init__(self, *, parts=4):
        self.parts = parts

    def get_config(self):
        return {"parts": self.parts}

    def compute_output_shape(self, shape):
        return (shape[0], self.parts)

    def __call__(self, windows):
        cut = windows[:, : windows.shape[1] // self.parts * self.parts].reshape(len(windows), self.parts, -1)
        return np.log(np.mean(np.square(cut), axis=2) + 1e-6).astype("float32")


def breath(samples, rng, *, level=0.01):
    return samples + level * rng.standard_normal(len(samples)).astype("float32")


def shorter(samples, rng):
    return samples[1:]


HUM = Kind(
    usage="HUM:LEVEL",
    example="HUM:0.1",
    summary="mains hum",
    arguments=(Number("level", "", 0, 1),),
    title=lambda level: f"hum at {level:g}",
    distort=lambda samples, rng, level: samples + level * np.sin(np.arange(len(samples)) * 0.04),
)


READER = Reader(
    name="mine",
    title="Speech of our own",
    licence="CC0",
    layout="a folder with manifest.csv",
    scan=lambda root: _renamed(manifest.READER.scan(root)),
)


def _renamed(listing):
    import dataclasses

    mine = [
        dataclasses.replace(u, corpus="mine", speaker=f"mine/{u.speaker.partition('/')[2]}") for u in listing.utterances
    ]
    return dataclasses.replace(listing, utterances=mine)
"""
