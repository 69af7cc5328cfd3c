"""Decoding, caching and the order of training."""

import shutil

import numpy as np
import pytest
import soundfile

from ser_keras import audio, corpora, pipeline
from ser_keras.cache import cache_folder
from ser_keras.errors import SerKerasError
from ser_keras.frontends import FRONT_ENDS
from tests.made_corpus import EMOTIONS, write_corpus

pytestmark = pytest.mark.smoke

WINDOW, HOP = 8000, 4000


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    return corpora.read("manifest", write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def labels_of(utterances):
    return np.array([list(EMOTIONS).index(u.emotion) for u in utterances])


def material_of(utterances, tail="drop"):
    decoded = pipeline.decode(utterances)
    labels = labels_of(decoded.utterances)
    frontend = FRONT_ENDS["log_mel"]()
    return pipeline.extract(decoded, decoded.utterances, labels, decoded.spans, frontend, WINDOW, HOP, tail)


def drawn(material, epochs=2, first_epoch=0, seed=0, fold=0, batch_size=16, weights=None):
    items = np.arange(len(material.items))
    settings = {"batch_size": batch_size, "seed": seed, "fold": fold, "epochs": epochs, "first_epoch": first_epoch}
    dataset, steps = pipeline.training_dataset(material, items, weights=weights, **settings)
    return [tuple(part.numpy() for part in batch) for batch in dataset], steps


def test_features_are_the_front_end_s_of_every_window(utterances):
    material = material_of(utterances)
    frontend = FRONT_ENDS["log_mel"]()
    for item in (0, 7):
        samples = audio.load(utterances[item].path).samples
        expected = np.asarray(frontend(audio.windows(samples, WINDOW, HOP, "drop")))
        rows, owner = material.rows([item])
        assert (owner == item).all() and len(rows) == len(expected) == len(material.starts[item])
        np.testing.assert_allclose(material.store.gather(rows), expected, atol=1e-4)
        np.testing.assert_allclose(material.samples(item), samples, atol=2**-15)


def test_the_caches_are_used_and_know_no_path(utterances, fresh_cache, tmp_path, monkeypatch):
    before = material_of(utterances)
    shutil.copytree(next(iter({u.path for u in utterances})).rsplit("/", 1)[0], tmp_path / "moved")
    moved = corpora.read("manifest", tmp_path / "moved" / "manifest.csv")

    def refuse(*arguments, **keywords):
        raise AssertionError("decoded again")

    monkeypatch.setattr(audio, "load", refuse)
    after = material_of(moved)
    assert (after.first_row == before.first_row).all()
    assert len(list((cache_folder() / "features").iterdir())) == 1


def test_other_settings_have_a_cache_of_their_own(utterances, fresh_cache):
    decoded = pipeline.decode(utterances[:3])
    for settings in ({}, {"n_mels": 20}, {}):
        pipeline.extract(
            decoded, utterances[:3], [0, 0, 0], decoded.spans, FRONT_ENDS["log_mel"](**settings), WINDOW, HOP, "drop"
        )
    assert len(list((cache_folder() / "features").iterdir())) == 2


def test_an_epoch_holds_every_window_once_with_its_label(utterances):
    material = material_of(utterances)
    rows, owner = material.rows(np.arange(len(material.items)))
    batches, steps = drawn(material, epochs=1)
    assert len(batches) == steps
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    features = material.store.gather(rows)
    order = np.lexsort(x.reshape(len(x), -1).T), np.lexsort(features.reshape(len(x), -1).T)
    np.testing.assert_array_equal(x[order[0]], features[order[1]])
    np.testing.assert_array_equal(y[order[0]], material.labels[owner][order[1]])


def test_the_order_follows_from_seed_fold_and_epoch_alone(utterances):
    material = material_of(utterances)
    whole, steps = drawn(material, epochs=3)
    resumed, _ = drawn(material, epochs=3, first_epoch=1)
    for a, b in zip(whole[steps:], resumed, strict=True):
        assert all((p == q).all() for p, q in zip(a, b, strict=True))
    first = whole[0][0]
    for other in (whole[steps][0], drawn(material, seed=1)[0][0][0], drawn(material, fold=1)[0][0][0]):
        assert (first != other).any()


def test_class_weights_balance_the_loss(utterances):
    labels = np.array([0] * 30 + [1] * 10)
    weights = pipeline.class_weights(labels, 3)
    assert weights[2] == 0
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert weights[labels].mean() == pytest.approx(1)
    material = material_of(utterances)
    [batch, *_], _ = drawn(material, weights=[1.0, 2.0, 3.0])
    assert (batch[2] == np.array([1.0, 2.0, 3.0])[batch[1]]).all()


def test_bad_files_are_skipped_and_listed_or_fatal_as_chosen(tmp_path):
    manifest = write_corpus(tmp_path, speakers=2, takes=1)
    broken = corpora.read("manifest", manifest)[0]
    with open(broken.path, "wb") as file:
        file.write(b"no audio")
    utterances = corpora.read("manifest", manifest)
    decoded = pipeline.decode(utterances)
    assert list(decoded.bad_files) == [broken.name] and len(decoded.utterances) == len(utterances) - 1
    with pytest.raises(SerKerasError, match="bad_files=skip"):
        pipeline.decode(utterances, bad_files="fail")
    with pytest.raises(SerKerasError, match="none of the 1 audio files can be used"):
        pipeline.decode([broken])


def test_silence_and_clipping_are_said_every_time(tmp_path):
    manifest = write_corpus(tmp_path, speakers=1, takes=1)
    utterances = corpora.read("manifest", manifest)
    soundfile.write(utterances[0].path, np.zeros(16000), 16000)
    assert any(utterances[0].name in line for line in pipeline.decode(utterances).warnings)


def test_memory_stays_flat_over_many_windows(utterances):
    """The dataset maps the cache: it holds a few batches, not the features."""
    import tracemalloc

    material = material_of(utterances)
    rows, _ = material.rows(np.arange(len(material.items)))
    whole = len(rows) * int(np.prod(material.feature_shape)) * 4
    tracemalloc.start()
    dataset, _ = pipeline.training_dataset(
        material, np.arange(len(material.items)), batch_size=2, seed=0, fold=0, epochs=3
    )
    for _ in dataset:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < whole / 2
