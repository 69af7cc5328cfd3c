"""The base class of extractors: what each says of itself, and cache keys that stay what they are."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import fingerprint
from ser_keras.experiment.assembly import EXTRACTORS
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.extractor import Extractor, JoinedShape
from ser_keras.features.faces import FACE_FRONT_ENDS
from ser_keras.features.frontends import FRONT_ENDS

# Of the feature caches of windows of 4 s every second, padded, as version 0.9 named them. A changed value means that
# users compute all their features again: raise the extractor's VERSION if that is what is wanted.
CACHE_KEYS = {
    "log_mel": "2a2c22e8fc4518837bb2ee36bcbe8032",
    "log_spectrogram": "1856755457a42624417bfec6ee6816c9",
    "mfcc": "4574cd80d9d0e6542e68602ff4f4666c",
    "spectrogram_image": "3ed28032ec7b77a88db7223aaebc2c18",
    "spectrogram_pair": "a0c7092d152a08535b15b20faba0f791",
    "statistics": "9925b08cc695b96a48adcdae396f424e",
    "acoustic26": "94dec3e4eb0b5bf7a615daff35431e46",
    "functionals": "aded873e7bd214aea62f6d5bc78eb9b5",
    "he2019_functionals": "26b58c64d8d16885fd27700d3f16a079",
    "he2019_lld": "027500971eaeb6e93e4451739a9a65e7",
    "teager": "c39d77d0799403e74cb2433f7cb2b504",
}
PICTURES_KEY = "d77f024f2496cdae03638503fe6403d0"  # both face front ends share their default pictures


def built(name):
    try:
        return EXTRACTORS[name]()
    except SerKerasError as error:  # openSMILE is an extra
        pytest.skip(str(error))


def test_cached_features_of_earlier_versions_stay_valid():
    keys = {name: fingerprint([*EXTRACTORS[name]().identity(), 64000, 16000, "pad"]) for name in CACHE_KEYS}
    assert keys == CACHE_KEYS
    for front_end in FACE_FRONT_ENDS.values():
        assert front_end().picture_store().folder.name == PICTURES_KEY


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_extractor_says_what_it_takes_and_is_made_again_from_its_settings(name):
    kind = EXTRACTORS[name]
    assert issubclass(kind, Extractor)
    assert kind.in_graph == (name in FRONT_ENDS)
    assert (kind.sees == "sound") == (name not in FACE_FRONT_ENDS)
    assert kind.takes == "window" or name in DESCRIPTORS
    extractor = built(name)
    again = kind(**extractor.get_config())
    assert again.identity() == extractor.identity() and again.feature_shape(64000) == extractor.feature_shape(64000)


@pytest.mark.parametrize("name", [n for n, kind in EXTRACTORS.items() if kind.sees == "sound"])
def test_features_have_the_shape_that_was_said(name):
    extractor, noise = built(name), np.random.default_rng(0).normal(0, 0.05, (2, 16000)).astype(np.float32)
    if extractor.takes == "window":
        features = np.asarray(extractor(noise))
        assert len(features) == 2
    else:
        features = extractor(noise[0])
        assert len(features) == len(extractor.row_starts(16000))
    assert features.dtype == np.float32 and features.shape[1:] == extractor.feature_shape(16000)


def test_a_joined_shape_is_one_axis_whose_parts_are_known():
    shape = JoinedShape(((2, 3), (4,)))
    assert (*shape,) == (10,) and len(shape) == 1 and shape[0] == shape[-1] == 10 and shape[:1] == (10,)
    assert shape == JoinedShape(((2, 3), (4,))) != JoinedShape(((10,),))
    assert np.zeros((5, *shape)).shape == (5, 10)
