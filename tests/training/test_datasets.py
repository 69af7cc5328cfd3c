"""The order of training, what is drawn in it, and predictions."""

import numpy as np
import pytest
import tensorflow as tf

from ser_keras import corpora
from ser_keras.audio.samples import from_int16, to_int16
from ser_keras.common.seeds import FoldSeeds
from ser_keras.experiment.settings import Augmentation
from ser_keras.features.augmentation.waveform import recorded_so
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.training.data import datasets
from ser_keras.training.data.live_augmentation import Live
from ser_keras.training.data.mixup import Mixup
from tests.made_corpus import write_corpus
from tests.training.test_feature_store import WINDOW, material_of


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    return corpora.read("manifest", write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="module")
def material(utterances):
    return material_of(utterances)


def every(material):
    return material.examples(np.arange(len(material.items)))


def drawn(material, epochs=2, first_epoch=0, seed=0, fold=0, batch_size=16, **options):
    settings = {"batch_size": batch_size, "epochs": epochs, "first_epoch": first_epoch}
    dataset, steps = datasets.training_dataset(
        material, every(material), seeds=FoldSeeds(seed, fold), **settings, **options
    )
    return list(dataset.as_numpy_iterator()), steps


def live(material, seed=0, fold=0, **settings):
    augmentation = Augmentation(mode="random", **settings)
    frontend, seeds = FRONT_ENDS["log_mel"](), FoldSeeds(seed, fold)
    return Live(augmentation, frontend, material, examples=every(material), seeds=seeds)


@pytest.mark.smoke
def test_an_epoch_holds_every_window_once_with_its_label(material):
    rows, owner = material.rows(np.arange(len(material.items)))
    batches, steps = drawn(material, epochs=1)
    assert len(batches) == steps
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    features = material.store.gather(rows)
    order = np.lexsort(x.reshape(len(x), -1).T), np.lexsort(features.reshape(len(x), -1).T)
    np.testing.assert_array_equal(x[order[0]], features[order[1]])
    np.testing.assert_array_equal(y[order[0]], material.labels[owner][order[1]])


@pytest.mark.smoke
def test_no_autotuning_holds_up_the_end_of_training(material):
    # Its thread sleeps for up to a minute, and an iterator isn't gone before it wakes.
    dataset, _ = datasets.training_dataset(material, every(material), batch_size=16, seeds=FoldSeeds(0, 0), epochs=1)
    assert dataset.options().autotune.enabled is False


@pytest.mark.smoke
@pytest.mark.parametrize(
    "settings",
    [
        None,
        {"pitch": [-3, 3], "snr_db": [10, 30], "rt60_s": [0.2, 0.5], "high_cut_hz": [3000]},
        {"path": "waveform", "rate": [0.8, 1.2], "equalise_db": 3, "rt60_s": [0.2, 0.5], "high_cut_hz": [3000]},
    ],
)
def test_what_is_drawn_follows_from_seed_fold_and_epoch_alone(material, settings):
    if settings and settings.get("path") == "waveform":
        pytest.importorskip("python_stretch")

    def epochs_of(first_epoch=0, epochs=3, **numbers):
        changes = {}
        if settings:
            changes = {"live": live(material, **numbers, **settings), "mixup": Mixup(0.4, 3)}
        return drawn(material, epochs=epochs, first_epoch=first_epoch, **numbers, **changes)

    whole, steps = epochs_of()
    resumed, _ = epochs_of(first_epoch=1)
    assert len(whole) == 3 * steps and len(resumed) == 2 * steps
    for a, b in zip(whole[steps:], resumed, strict=True):
        assert all((p == q).all() for p, q in zip(a, b, strict=True))
    first = whole[0][0]
    for other in (whole[steps], epochs_of(seed=1, epochs=1)[0][0], epochs_of(fold=1, epochs=1)[0][0]):
        assert (first != other[0]).any()


def test_live_windows_that_nothing_changes_are_those_of_the_cache(material):
    plain, _ = drawn(material, epochs=1)
    for settings in ({"pitch": [0, 0.0], "snr_db": [100]}, {"rate": [1.0], "time_masks": 2}):
        untouched, _ = drawn(material, epochs=1, live=live(material, **settings, probability=0.0))
        for (x, y), (x_live, y_live) in zip(plain, untouched, strict=True):
            assert (y == y_live).all()
            np.testing.assert_allclose(x_live, x, atol=2e-3)


def test_live_augmentation_changes_what_it_should_and_no_more(material):
    louder, _ = drawn(material, epochs=1, live=live(material, gain_db=[6.0]))
    plain, _ = drawn(material, epochs=1)
    for (x, _), (changed, _) in zip(plain, louder, strict=True):
        loud = x > -5  # well above the offset within the logarithm
        np.testing.assert_allclose((changed - x)[loud], np.log(10**0.6), atol=0.01)
    faster, _ = drawn(material, epochs=1, live=live(material, rate=[1.2]))
    assert max(np.abs(a - b).max() for (a, _), (b, _) in zip(plain, faster, strict=True)) > 0.5


@pytest.mark.parametrize("settings", [{"rt60_s": [0.8]}, {"overdrive_db": [20]}, {"snippet_s": [0.2]}])
def test_live_windows_may_be_in_rooms_overdriven_or_short(material, settings):
    rooms = live(material, **settings)
    numbers = np.arange(8)
    [heard] = rooms.fetch(numbers, numbers, 0)
    drawn_rooms = rooms.draws_of(0).take(numbers)
    dry = from_int16(rooms.sources(numbers, drawn_rooms.rate))
    np.testing.assert_array_equal(heard, to_int16(recorded_so(dry, drawn_rooms)))
    assert (np.abs(from_int16(heard) - dry).max(axis=1) > 0.01).all()


def test_a_window_that_comes_twice_in_an_epoch_is_changed_in_two_ways(material):
    noisy = live(material, snr_db=[5, 40])
    dataset = noisy.dataset(tf.data.Dataset.from_tensor_slices(np.array([3, 3, 1, 3])), tf.constant(0, tf.int64), 4)
    [(x, numbers)] = dataset.as_numpy_iterator()
    assert numbers.tolist() == [3, 3, 1, 3]
    once, twice, thrice = x[[0, 1, 3]]
    assert (np.abs(once - twice).max() > 0.05) and (np.abs(twice - thrice).max() > 0.05)


def test_a_fast_window_s_source_lies_within_its_utterance(material):
    fast = live(material, rate=[1.25])
    numbers = np.arange(len(fast.examples))
    heard = fast.sources(numbers, np.full(len(numbers), 1.25, np.float32))
    lengths = material.spans[fast.examples.owner, 1]
    for source, n in zip(heard, lengths, strict=True):
        needed = int(WINDOW * 1.25)
        assert n < needed or source[:needed].any() and np.flatnonzero(source)[-1] >= needed - 100


@pytest.mark.smoke
def test_mixup_blends_features_and_labels_alike(material):
    plain, _ = drawn(material, epochs=1)
    mixed, _ = drawn(material, epochs=1, mixup=Mixup(0.5, 3), weights=[1.0, 2.0, 3.0])
    partner_found = 0
    for (x, y), (x_mixed, y_mixed, w_mixed) in zip(plain, mixed, strict=True):
        assert y_mixed.shape == (len(y), 3)
        np.testing.assert_allclose(y_mixed.sum(axis=1), 1, atol=1e-6)
        assert (y_mixed[np.arange(len(y)), y] >= 0.5 - 1e-6).all(), "its own label keeps the greater part"
        np.testing.assert_allclose(w_mixed, y_mixed @ [1.0, 2.0, 3.0], atol=1e-5)
        for i in range(len(y)):
            other = np.flatnonzero(y_mixed[i] * (np.arange(3) != y[i]))
            if len(other):
                weight = y_mixed[i, y[i]]
                candidates = x[y == other[0]]
                errors = np.abs(weight * x[i] + (1 - weight) * candidates - x_mixed[i]).max(axis=(1, 2, 3))
                assert errors.min() < 1e-4
                partner_found += 1
    assert partner_found


def test_class_weights_balance_the_loss(material):
    labels = np.array([0] * 30 + [1] * 10)
    weights = datasets.class_weights(labels, 3)
    assert weights[2] == 0
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert weights[labels].mean() == pytest.approx(1)
    [batch, *_], _ = drawn(material, weights=[1.0, 2.0, 3.0])
    assert (batch[2] == np.array([1.0, 2.0, 3.0])[batch[1]]).all()


def test_sequences_come_padded_with_their_labels(utterances):
    material = material_of(utterances, sequence=True)
    batches, steps = drawn(material, epochs=1, batch_size=5)
    assert len(batches) == steps
    y = np.concatenate([batch[1] for batch in batches])
    assert (np.bincount(y) == np.bincount(material.labels)).all()
    (features, present), _ = batches[0]
    assert features.shape[:2] == present.shape and features.shape[2:] == material.feature_shape
    watched = list(datasets.validation_dataset(material, np.arange(7), 4).as_numpy_iterator())
    assert (np.concatenate([y for _, y in watched]) == material.labels[:7]).all()


def test_memory_stays_flat_over_many_windows(material):
    """The dataset maps the cache: it holds a few batches, not the features."""
    import tracemalloc

    examples = every(material)
    whole = len(examples) * int(np.prod(material.feature_shape)) * 4

    def go_through():
        dataset, _ = datasets.training_dataset(material, examples, batch_size=2, seeds=FoldSeeds(0, 0), epochs=3)
        for _ in dataset:
            pass

    go_through()  # TensorFlow writes its own code for a pipeline when it first sees one
    tracemalloc.start()
    go_through()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < whole / 2
