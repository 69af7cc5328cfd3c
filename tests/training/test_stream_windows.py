"""Training windows cut from streams: from the fold's training part alone, anew each epoch, the same after a resume."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import FoldSeeds
from ser_keras.experiment.settings import Experiment
from ser_keras.training import crossvalidation
from ser_keras.training.data.datasets import training_dataset
from ser_keras.training.data.labelled_audio import read_audio, read_corpora
from ser_keras.training.data.preparation import compute_features, make_folds
from ser_keras.training.fold_job import FoldJob, drawn_anew
from tests.made_corpus import write_corpus

QUICK = (
    *("classes={anger: [anger], neutral: [neutral], sadness: [sadness]}", "protocol.folds=2", "training.epochs=2"),
    *("training.batch_size=16", "model.hidden=8", "window_s=2.0"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return [("manifest", write_corpus(tmp_path_factory.mktemp("vowels")))]


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(0)
    for number in range(12):
        soundfile.write(folder / f"rumble{number}.wav", 0.1 * rng.normal(0, 1, 16000).clip(-3, 3), 16000)
    return folder


@pytest.fixture(scope="module")
def prepared(corpus):
    experiment = Experiment.from_recipe("open", list(QUICK))
    return compute_features(make_folds(read_audio(experiment, read_corpora(corpus), quiet=True)))


def windows(prepared, items, **changes):
    job = FoldJob(
        experiment=prepared.experiment,
        material=prepared.material,
        train=items,
        validation=np.array([], int),
        folder=None,
        seeds=FoldSeeds(0, 0),
        title="",
        **changes,
    )
    return drawn_anew(job, prepared.material.examples(items))


def test_windows_differ_by_epoch_and_place_and_follow_from_them(prepared):
    made, again = (windows(prepared, prepared.folds[0].train) for _ in range(2))
    places, numbers = np.arange(4), np.zeros(4, int)
    first = made.fetch(places, numbers, 0)
    np.testing.assert_array_equal(again.fetch(places[::-1], numbers, 0)[::-1], first)
    other = made.fetch(places, numbers, 1)
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(first, other, strict=True))
    assert all(np.abs(first[0] - b).max() > 1e-3 for b in first[1:])


def test_some_epochs_hear_the_same_windows_in_another_order_and_a_resumed_run_hears_them_again(prepared):
    train = prepared.folds[0].train

    def epochs(first, last):
        made = windows(prepared, train)
        made.epochs_per_draw = 2
        seeds, examples = FoldSeeds(0, 0), prepared.material.examples(train)
        options = {"batch_size": 8, "seeds": seeds, "epochs": last, "first_epoch": first, "live": made}
        dataset, steps = training_dataset(prepared.material, examples, **options)
        batches = [(x.numpy(), y.numpy()) for x, y in dataset]
        whole = [batches[i : i + steps] for i in range(0, len(batches), steps)]
        return [[np.concatenate(part) for part in zip(*epoch, strict=True)] for epoch in whole]

    one, same, other = epochs(0, 3)
    assert not np.array_equal(one[0], same[0])
    np.testing.assert_array_equal(np.sort(one[0], axis=0), np.sort(same[0], axis=0))
    assert np.array_equal(np.sort(one[1]), np.sort(same[1]))
    assert not np.allclose(np.sort(one[0], axis=0), np.sort(other[0], axis=0))
    (resumed,) = epochs(1, 2)
    np.testing.assert_array_equal(resumed[0], same[0])
    np.testing.assert_array_equal(resumed[1], same[1])


def test_nothing_but_the_training_part_is_heard(prepared, monkeypatch):
    train = prepared.folds[0].train
    made, heard = windows(prepared, train), set()
    samples = type(prepared.material).samples

    def noted(self, item):
        heard.add(item)
        return samples(self, item)

    monkeypatch.setattr(type(prepared.material), "samples", noted)
    made.fetch(np.arange(200), np.arange(200) % len(train), 0)
    assert heard <= set(train.tolist()) and len(heard) > len(train) / 2


def test_batches_have_the_features_of_whole_windows(prepared):
    made = windows(prepared, prepared.folds[0].train)
    index = tf.data.Dataset.from_tensor_slices(np.arange(12, dtype=np.int64))
    batches = [x.numpy() for x, _ in made.dataset(index, tf.constant(0, tf.int64), 5)]
    assert [len(x) for x in batches] == [5, 5, 2]
    assert all(np.isfinite(x).all() and x.shape[1] == 522 for x in batches)


def test_a_run_on_streams_records_its_noises(corpus, noises, tmp_path):
    settings = [*QUICK, "window_s=1.0", f"augmentation.noise_dir={noises}", "augmentation.noise_probability=0.5"]
    run = crossvalidation.train(Experiment.from_recipe("open", settings), corpus, tmp_path / "run", refit=False)
    (record,) = run.experiment["sounds"]
    assert 0 < record["n_files"] <= 12 and record["name"] == noises.name
    assert run.metrics["n_utterances"] == 36


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("augmentation.level_dbfs=[]", "it needs level_dbfs and tone_dbfs"),
        ("augmentation.copies=3", "'copies' is set, but it needs mode: grid or random"),
        ("augmentation.mode=random", "needs mode: stream"),
        ("protocol.name=chunk_random", "augmentation.mode=stream: protocol chunk_random splits windows"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(corpus, change, message):
    with pytest.raises(SerKerasError, match=message):
        read_audio(Experiment.from_recipe("open", [*QUICK, change]), read_corpora(corpus), quiet=True)


def test_a_folder_without_noises_is_refused_before_anything_is_trained(corpus, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    experiment = Experiment.from_recipe("open", [*QUICK, f"augmentation.noise_dir={empty}"])
    with pytest.raises(SerKerasError, match="holds no audio files"):
        crossvalidation.train(experiment, corpus, tmp_path / "run")
