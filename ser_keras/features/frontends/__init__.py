"""Front ends: name -> Keras layer, waveform -> features."""

from ser_keras.common.plugins import Registry
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.log_mel import LogMel
from ser_keras.features.frontends.log_spectrogram import LogSpectrogram
from ser_keras.features.frontends.mfcc import MFCC
from ser_keras.features.frontends.spectrogram_image import SpectrogramImage
from ser_keras.features.frontends.spectrogram_pair import SpectrogramPair
from ser_keras.features.frontends.statistics import Statistics

_SHIPPED: dict[str, type[Extractor]] = {
    "log_mel": LogMel,
    "log_spectrogram": LogSpectrogram,
    "mfcc": MFCC,
    "spectrogram_image": SpectrogramImage,
    "spectrogram_pair": SpectrogramPair,
    "statistics": Statistics,
}

FRONT_ENDS: Registry[type[Extractor]] = Registry(
    _SHIPPED,
    kind="frontend",
    group="ser_keras.frontends",
    check=lambda part: isinstance(part, type) and issubclass(part, Extractor),
    expected="a class of front ends (FrontEnd) or of descriptor sets (Extractor)",
)
"""Those of this package are front ends; one's own may be descriptor sets, too."""
