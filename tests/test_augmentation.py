"""`ser_keras.augmentation`: anybody's waveforms, changed as training changes its own."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from ser_keras import BadInput, Unavailable
from ser_keras.augmentation import Augmenter
from ser_keras.common import seeds
from ser_keras.common.seeds import Stream
from ser_keras.features.augmentation import draws, waveform
from tests.messages import one_line

N = 8000
WAVES = np.random.default_rng(0).uniform(-0.2, 0.2, (6, N)).astype(np.float32)
LABELS = np.arange(6)
PLAIN = {"gain_db": (-6, 6), "snr_db": (5, 20)}  # need no further package


def batches(augmenter, batch_size=None, waves=WAVES):
    dataset = tf.data.Dataset.from_tensor_slices((waves, LABELS[: len(waves)]))
    return (dataset if batch_size is None else dataset.batch(batch_size)).apply(augmenter)


def waves_of(dataset):
    return np.concatenate([np.atleast_2d(x.numpy()) for x, _ in dataset])


@pytest.mark.parametrize("batch_size", [None, 4])
def test_shapes_and_labels_are_those_that_came_in(batch_size):
    dataset = batches(Augmenter(**PLAIN), batch_size)
    plain = tf.data.Dataset.from_tensor_slices((WAVES, LABELS))
    assert dataset.element_spec == (plain if batch_size is None else plain.batch(batch_size)).element_spec
    assert dataset.cardinality() == (6 if batch_size is None else 2)
    labels = np.concatenate([np.atleast_1d(y.numpy()) for _, y in dataset])
    np.testing.assert_array_equal(labels, LABELS)
    changed = waves_of(dataset)
    assert changed.shape == WAVES.shape and changed.dtype == np.float32
    # each waveform is still itself, and none is as it was
    closest = np.argmax(np.corrcoef(np.concatenate([changed, WAVES]))[:6, 6:], axis=1)
    np.testing.assert_array_equal(closest, LABELS)
    assert (np.abs(changed - WAVES).max(axis=1) > 0.01).all()


def test_elements_may_be_waveforms_alone_or_have_weights():
    augmenter = Augmenter(**PLAIN)
    alone = tf.data.Dataset.from_tensor_slices(WAVES).apply(augmenter)
    assert next(iter(alone)).shape == (N,)
    weighted = tf.data.Dataset.from_tensor_slices((WAVES, {"a": LABELS}, LABELS / 6)).apply(augmenter)
    _, labels, weight = list(weighted)[3]
    assert labels["a"].numpy() == 3 and weight.numpy() == 0.5


def test_each_epoch_draws_anew_and_equal_seeds_draw_equally():
    one, same, other = (batches(Augmenter(seed=seed, **PLAIN), 4) for seed in (1, 1, 2))
    first, second = waves_of(one), waves_of(one)
    assert (np.abs(first - second).max(axis=1) > 1e-3).all()
    np.testing.assert_array_equal(waves_of(same), first)
    np.testing.assert_array_equal(waves_of(same), second)
    assert np.abs(waves_of(other) - first).max() > 1e-3


def test_arrays_are_changed_like_elements_of_a_dataset():
    augmenter = Augmenter(seed=1, **PLAIN)
    first, second = augmenter.vary(WAVES), augmenter.vary(WAVES)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(Augmenter(seed=1, **PLAIN).vary(WAVES), first)
    np.testing.assert_array_equal(waves_of(batches(Augmenter(seed=1, **PLAIN), 6)), first)
    assert augmenter.vary(WAVES[0]).shape == (N,) and augmenter.vary(WAVES[:0]).shape == (0, N)


def test_it_is_what_training_does():
    """The room first, then noise, pitch and tempo, gain, equaliser and band."""
    pytest.importorskip("python_stretch")
    varied = {"pitch": (-2, 2), "rate": (0.9, 1.1), "snr_db": (10, 30), "rt60_s": (0.2, 0.4), "equalise_db": 3}
    augmenter = Augmenter(seed=5, low_cut_hz=(100, 300), overdrive_db=(6, 12), snippet_s=(0.3, 0.4), **varied)
    changed = augmenter.vary(WAVES)
    entropy = seeds.generator(5, Stream.AUGMENTED_DATASET, 0, 0).integers(2**32, size=4).tolist()
    drawn = draws.draw(augmenter.settings, 6, N / 16000, seed=entropy)
    assert len(np.unique(drawn.pitch)) == 6 and (drawn.room[:, 0] > 0).all() and np.isfinite(drawn.snippet).all()
    expected = waveform.changed(waveform.recorded_so(WAVES, drawn), drawn.as_dict(), N)
    np.testing.assert_array_equal(changed, expected)


def test_a_window_that_is_played_faster_holds_more_of_a_longer_source():
    pytest.importorskip("python_stretch")
    short = Augmenter(rate=(1.5, 1.5)).vary(WAVES)
    assert not short[:, 6000:].any()  # the source has ended
    augmenter = Augmenter(rate=(1.5, 1.5), window_samples=5000)
    assert (np.abs(augmenter.vary(WAVES)[:, 4500:]).max(axis=1) > 0.01).all()
    assert batches(augmenter).element_spec[0].shape == (5000,)


def test_silence_stays_silence_and_what_is_not_finite_becomes_zero():
    augmenter = Augmenter(rt60_s=(0.2, 0.4), snippet_s=(0.2, 0.3), overdrive_db=(3, 6), equalise_db=3, **PLAIN)
    assert not augmenter.vary(np.zeros((2, N), np.float32)).any()
    broken = WAVES.copy()
    broken[0, 100], broken[1, 5], broken[2, 9] = np.nan, np.inf, -np.inf
    mended = np.where(np.isfinite(broken), broken, 0)
    twin = Augmenter(**PLAIN)
    np.testing.assert_array_equal(Augmenter(**PLAIN).vary(broken), twin.vary(mended))
    assert np.isfinite(augmenter.vary(broken)).all() and np.abs(augmenter.vary(broken)[0]).max() > 0.01


def test_a_model_is_fitted_on_it():
    import keras

    model = keras.Sequential([keras.Input((N,)), keras.layers.Dense(6, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(model.fit(batches(Augmenter(**PLAIN), 3), epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "nothing is varied"),
        ({"probability": 0.5}, "nothing is varied"),
        ({"pitch": (-40, 2)}, "`pitch`: .*-12"),
        ({"snr_db": ("loud", 3)}, "`snr_db`: .*'loud'"),
        ({"gain_db": (1, 2), "seed": -1}, "`seed` is -1"),
        ({"gain_db": (1, 2), "window_samples": 0}, "`window_samples` is 0"),
    ],
)
def test_values_that_do_not_fit_give_one_line(settings, text):
    with pytest.raises(BadInput, match=text) as error:
        Augmenter(**settings)
    one_line(error)


def test_unknown_names_give_one_line():
    with pytest.raises(TypeError, match="unexpected keyword argument 'ptich'") as error:
        Augmenter(ptich=(-2, 2))
    one_line(error)


@pytest.mark.parametrize(
    "elements", [{"wave": WAVES}, LABELS, (WAVES * 100).astype(np.int16), WAVES[:, :, None], (LABELS, WAVES)]
)
def test_elements_that_are_no_waveforms_give_one_line(elements):
    with pytest.raises(BadInput, match="must be waveforms, float32") as error:
        tf.data.Dataset.from_tensor_slices(elements).batch(2).apply(Augmenter(**PLAIN))
    one_line(error)


def test_without_the_extra_only_what_needs_it_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    assert Augmenter(**PLAIN).vary(WAVES).shape == WAVES.shape
    for name in ("pitch", "rate", "speed"):
        with pytest.raises(Unavailable, match=rf"`{name}` needs the package python-stretch: pip install") as error:
            Augmenter(**{name: (1.0, 1.1)})
        one_line(error)
