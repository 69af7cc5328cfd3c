"""Windows as cached features, and what training draws from."""

import shutil
import zlib

import numpy as np
import pytest

from ser_keras import corpora
from ser_keras.audio import reading
from ser_keras.audio.samples import to_int16
from ser_keras.audio.windows import cut_windows, window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import cache_folder
from ser_keras.experiment.settings import Augmentation
from ser_keras.features import conditions
from ser_keras.features.augmentation import draws
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.training.data import decoded_audio
from ser_keras.training.data.extraction import extract
from ser_keras.training.data.items import Items, Windowing
from tests.made_corpus import EMOTIONS, write_corpus

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


def material_of(utterances, tail="drop", frontend=None, **options):
    decoded = decoded_audio.decode(utterances)
    labels = labels_of(decoded.utterances)
    frontend = frontend or FRONT_ENDS["log_mel"]()
    return extract(Items.whole(decoded, labels), frontend, Windowing(WINDOW, HOP, tail), **options)


def grid(**settings):
    return Augmentation(mode="grid", **settings)


@pytest.mark.smoke
def test_features_are_the_front_end_s_of_every_window(utterances):
    material = material_of(utterances)
    frontend = FRONT_ENDS["log_mel"]()
    for item in (0, 7):
        samples = reading.load(utterances[item].path).samples
        expected = np.asarray(frontend(cut_windows(samples, WINDOW, HOP, tail="drop")))
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

    monkeypatch.setattr(reading, "load", refuse)
    after = material_of(moved)
    assert (after.first_row == before.first_row).all()
    assert len(list((cache_folder() / "features").iterdir())) == 1


def test_other_settings_have_a_cache_of_their_own(utterances, fresh_cache):
    for settings in ({}, {"n_mels": 20}, {}):
        material_of(utterances[:3], frontend=FRONT_ENDS["log_mel"](**settings))
    assert len(list((cache_folder() / "features").iterdir())) == 2


def test_a_grid_gives_training_every_point_and_leaves_the_items_as_they_are(utterances):
    plain = material_of(utterances)
    varied = material_of(utterances, augmentation=grid(pitch=[-2, 0, 2], rate=[0.8, 1.0]))
    items = np.array([0, 5])
    assert (varied.rows(items)[0] == plain.rows(items)[0]).all(), "evaluation reads what it always read"
    examples = varied.examples(items)
    assert set(examples.items) == {0, 5}
    n = [len(window_starts(round(plain.spans[i, 1] / r), WINDOW, HOP, tail="drop")) for i in items for r in (0.8, 1)]
    assert len(examples) == 3 * sum(n), "a slowed utterance has more windows"
    assert len(np.unique(examples.rows)) == len(examples)


def test_a_point_of_the_grid_is_the_augmented_window(utterances):
    settings = grid(pitch=[3.0], rate=[1.25], gain_db=[-6.0])
    material, frontend = material_of(utterances[:2], augmentation=settings), FRONT_ENDS["log_mel"]()
    augment = SpectralAugmentation.from_settings(frontend, WINDOW, settings)
    drawn = draws.of_points([draws.Point(3.0, 1.25, -6.0)]).as_dict(("pitch", "rate", "gain_db"))
    examples = material.examples([1])
    samples = np.concatenate([material.samples(1), np.zeros(augment.source_samples, np.float32)])
    for k, row in enumerate(examples.rows):
        start = round(k * HOP * 1.25)
        expected = np.asarray(augment(samples[None, start : start + augment.source_samples], drawn))[0]
        np.testing.assert_allclose(material.store.gather([row])[0], expected, atol=1e-3)


def copies(n=2, **settings):
    return Augmentation(mode="random", copies=n, **{"speed": [0.8, 1.25], "snr_db": [10, 30], **settings})


def test_copies_stand_beside_the_windows_and_are_the_augmented_ones(utterances):
    plain = material_of(utterances, tail="pad")
    varied = material_of(utterances, tail="pad", augmentation=copies(3))
    items = np.array([0, 5])
    own = plain.rows(items)[0]
    assert (varied.rows(items)[0] == own).all(), "evaluation reads what it always read"
    examples = varied.examples(items)
    assert len(examples) == 4 * len(own) == len(np.unique(examples.rows)) and set(own) < set(examples.rows)
    assert len(varied.examples(items, without=own[:1])) == 4 * (len(own) - 1), "a window goes with its copies"
    settings, frontend = copies(3), FRONT_ENDS["log_mel"]()
    augment = SpectralAugmentation.from_settings(frontend, WINDOW, settings)
    fields = draws.varied(settings)
    stored = to_int16(plain.samples(5))
    drawn = draws.draw(
        settings, plain.n_windows[5], 0.5, seed=[0, 1, zlib.crc32(stored.tobytes())], top_hz=augment.top_hz
    )
    ended = np.concatenate([plain.samples(5), np.zeros(augment.source_samples, np.float32)])
    latest = draws.latest_starts(len(stored), WINDOW, drawn.rate)
    assert (latest + WINDOW * drawn.rate < len(stored) + 1).all() and latest.max() > 0
    for k, row in enumerate(varied.variants[2].first_row[5] + np.arange(plain.n_windows[5])):
        start = min(int(plain.starts[5][k]), int(latest[k]))
        source = ended[None, start : start + augment.source_samples]
        expected = np.asarray(augment(source, drawn.take([k]).as_dict(fields)))[0]
        np.testing.assert_allclose(varied.store.gather([row])[0], expected, atol=1e-3)


def test_copies_are_computed_once_for_a_seed(utterances, fresh_cache, monkeypatch):
    first, again, other = (material_of(utterances[:3], augmentation=copies(), seed=s) for s in (0, 0, 1))
    for k in (1, 2):
        assert (first.variants[k].first_row == again.variants[k].first_row).all()
        assert not set(first.variants[k].first_row) & set(other.variants[k].first_row)
    more = material_of(utterances[:3], augmentation=copies(4), seed=0)
    assert (more.variants[2].first_row == first.variants[2].first_row).all(), "more copies are made beside these"


def test_copies_may_be_changed_before_the_spectrum_alone(utterances):
    short = copies(1, speed=[], snr_db=[], snippet_s=[0.2])
    material = material_of(utterances[:1], tail="pad", augmentation=short)
    heard = material.store.gather(material.variants[1].first_row[0] + np.arange(material.n_windows[0]))
    frames = heard.shape[1] * 2 // 5  # of .5 s
    assert (heard[:, frames + 3 :] == heard.min()).all() and (heard[:, :frames].max(axis=(1, 2, 3)) > 0).all()


def test_copies_may_be_of_the_waveform(utterances):
    pytest.importorskip("python_stretch")
    rows, values = {}, {}
    for path in ("spectrum", "waveform"):
        changes = {"snr_db": [], "rt60_s": [0.3], "high_cut_hz": [3000]}
        material = material_of(utterances[:1], tail="pad", augmentation=copies(1, path=path, **changes))
        rows[path] = material.variants[1].first_row[0] + np.arange(material.n_windows[0])
        values[path] = material.store.gather(rows[path])
    assert not set(rows["spectrum"]) & set(rows["waveform"])
    unchanged = material.store.gather(material.rows([0])[0])
    near = np.median(np.abs(values["spectrum"] - values["waveform"]))
    assert near < 0.5 * np.median(np.abs(values["spectrum"] - unchanged))


def test_both_paths_of_a_grid_are_near_each_other_and_apart_in_the_cache(utterances):
    pytest.importorskip("python_stretch")
    features = {}
    for path in ("spectrum", "waveform"):
        material = material_of(utterances[:1], augmentation=grid(path=path, pitch=[2.0], rate=[0.9]))
        features[path] = material.store.gather(material.examples([0]).rows), material.examples([0]).rows
    (a, rows_a), (b, rows_b) = features.values()
    assert not set(rows_a) & set(rows_b)
    assert a.shape == b.shape
    plain = material_of(utterances[:1])
    unchanged = plain.store.gather(plain.rows([0])[0])[: len(a)]
    assert np.median(np.abs(a - b)) < 0.5 * np.median(np.abs(a[: len(unchanged)] - unchanged))


def test_spectra_of_descriptors_are_refused(utterances):
    class Level(Extractor):
        def get_config(self):
            return {}

        def compute_output_shape(self, shape):
            return (None, 1)

        def __call__(self, windows):
            return np.abs(windows).mean(axis=1, keepdims=True)

    with pytest.raises(SerKerasError, match="path=waveform"):
        material_of(utterances[:1], frontend=Level(), augmentation=grid(pitch=[1]))
    material = material_of(utterances[:1], frontend=Level())
    expected = np.abs(cut_windows(material.samples(0), WINDOW, HOP, tail="drop")).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(material.store.gather(material.rows([0])[0]), expected, rtol=1e-6)


def test_windows_left_out_are_left_out_at_every_point(utterances):
    material = material_of(utterances, augmentation=grid(rate=[0.5, 1.0]))
    first = int(material.first_row[3])
    examples = material.examples([2, 3], without=np.array([first]))
    plain = material.examples([2, 3])
    gone = set(plain.rows) - set(examples.rows)
    # Window 0 of the item as it is, and windows 0 and 1 at half the tempo (k * .5 rounds to 0 for both).
    assert first in gone and len(gone) == 3
    assert set(examples.items) == {2, 3}


def test_sequences_hold_an_utterance_s_windows_in_order_and_pad_behind(utterances):
    material = material_of(utterances, sequence=True)
    items = np.array([4, 1, 9])
    [(features, present)] = material.sequences(items)
    assert features.shape[:2] == present.shape == (3, material.n_windows[items].max())
    for x, there, item in zip(features, present, items, strict=True):
        n = material.n_windows[item]
        assert there[:n].all() and not there[n:].any() and not x[n:].any()
        np.testing.assert_array_equal(x[:n], material.store.gather(material.rows([item])[0]))
    examples = material.examples(items, without=material.first_row[[1]])
    assert list(examples.items) == [4, 1, 9] and len(examples) == 3
    assert len(examples.rows) == material.n_windows[items].sum() - 1


@pytest.mark.parametrize("path", ["spectrum", "waveform"])
def test_a_faster_copy_of_a_chunk_goes_on_in_its_utterance(utterances, path):
    """A chunk at tempo 1.25 takes a quarter more samples: from behind it, or from before it at the utterance's end."""
    if path == "waveform":
        pytest.importorskip("python_stretch")
    decoded = decoded_audio.decode(utterances[:1])
    [(first, n)] = decoded.spans.tolist()
    starts = [0, n - WINDOW]
    spans, around = np.array([(first + s, WINDOW) for s in starts]), np.array([(first, n)] * 2)
    frontend = FRONT_ENDS["log_mel"]()
    chunks = Items(decoded, decoded.utterances * 2, np.zeros(2, int), spans=spans, around=around, chunked=True)
    augmentation = grid(rate=[1.25], path=path)
    material = extract(chunks, frontend, Windowing(WINDOW, WINDOW, "drop"), augmentation=augmentation)
    [faster] = material.variants
    features = material.store.gather(faster.first_row)
    silence = np.asarray(frontend(np.zeros((1, WINDOW), np.float32)))
    assert (faster.n_windows == 1).all()
    # the last tenth of a second: padded with zeros it would be the floor
    last = features.shape[1] - 10
    assert (features[:, last:].mean(axis=(1, 2, 3)) > silence[:, last:].mean() + 3).all()


@pytest.mark.parametrize("name", ["noise:10", "reverb:0.4"])
def test_a_chunk_is_heard_under_a_condition_as_its_utterance_is(utterances, name):
    decoded, condition = decoded_audio.decode(utterances[:1]), conditions.parse(name)
    [(first, n)] = decoded.spans.tolist()
    starts = [0, n - WINDOW]
    spans, around = np.array([(first + s, WINDOW) for s in starts]), np.array([(first, n)] * 2)
    frontend = FRONT_ENDS["log_mel"]()

    def heard(spans, around, condition, chunked=True):
        utterances, labels = decoded.utterances * len(spans), np.zeros(len(spans), int)
        items = Items(decoded, utterances, labels, spans=spans, around=around, chunked=chunked)
        return extract(items, frontend, Windowing(WINDOW, 1, "drop"), condition=condition)

    whole = heard(decoded.spans, decoded.spans, condition, chunked=False)
    chunks = heard(spans, around, condition)
    expected = whole.store.gather(whole.first_row[0] + np.array(starts))
    np.testing.assert_array_equal(chunks.store.gather(chunks.first_row), expected)
    with pytest.raises(SerKerasError, match="snippet:0.1 cuts utterances, and under this protocol"):
        heard(spans, around, conditions.parse("snippet:0.1"))
    with pytest.raises(SerKerasError, match="pause:0.5:-65 puts a pause around utterances, and under this protocol"):
        heard(spans, around, conditions.parse("pause:0.5:-65"))
    as_long = conditions.parse(f"pause:0.5:-65+snippet:{n / 16000:g}")
    assert as_long.length(n) == n
    with pytest.raises(SerKerasError, match="puts a pause around utterances"):
        heard(spans, around, as_long)
    assert heard(spans, around, conditions.parse("pause:0:-65")).n_windows.tolist() == [1, 1]
