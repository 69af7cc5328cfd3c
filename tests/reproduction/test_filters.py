"""Pictures of first-layer weights: which filters are chosen, what is drawn where, what is refused."""

import csv
import struct

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import SpectrogramPair
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.own.log_mel_cnn import log_mel_cnn
from ser_keras.models.papers.anand2015 import anand2015_cnn, anand2015_dense
from ser_keras.reproduction.drawings import filter_choice, filters, image_page

PAIR = (64, 64, 2)
BANDS = {"low": (300, 500), "middle": (900, 1100), "high": (1500, 1800)}  # Hz
WINDOW = 8800


@pytest.fixture(scope="module")
def chunks():
    """Noise with bands of random levels: features [n, 64, 64, 2], and the levels in dB [n, 3], which are independent.

    The levels are what the sound was made of, so that a mistake of the front end's axes would show as well.
    """
    rng, n = np.random.default_rng(0), 48
    level = rng.uniform(-30, 0, (n, len(BANDS)))
    hz = np.fft.rfftfreq(WINDOW, 1 / 16000)
    gain = np.full((n, hz.size), 1e-3)
    for i, (low, high) in enumerate(BANDS.values()):
        gain[:, (hz >= low) & (hz < high)] = 10 ** (level[:, i, None] / 20)
    noise = rng.normal(0, 1, (n, hz.size)) + 1j * rng.normal(0, 1, (n, hz.size))
    waves = np.fft.irfft(noise * gain, WINDOW).astype(np.float32)
    return keras.ops.convert_to_numpy(SpectrogramPair()(waves)), level


@pytest.fixture(scope="module")
def planted(chunks):
    """A net of eight filters: 5 takes the high band of channel 1, 2 the low band of channel 0, 6 its absence."""
    keras.utils.set_random_seed(0)
    classifier = anand2015_cnn(PAIR, 3, filters=(8,), kernel=(64, 5))
    adapt_model(classifier, lambda: batches(chunks[0]))
    kernel = np.random.default_rng(1).normal(0, 0.02, (64, 5, 2, 8)).astype(np.float32)
    for index, band, channel, sign in ((5, "high", 1, 1), (2, "low", 0, 1), (6, "low", 0, -0.9)):
        low, high = (round(hz / 31.25) for hz in BANDS[band])
        kernel[..., index] = 0
        kernel[low:high, :, channel, index] = sign
    kernel[..., 0] = 0  # and filter 0 never fires
    classifier.get_layer("conv1").kernel.assign(kernel)
    return classifier, kernel


def batches(features):
    return (features[i : i + 20] for i in range(0, len(features), 20))


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_planted_filter_is_ranked_first_for_its_band(tmp_path, chunks, planted):
    features, level = chunks
    descriptors = np.concatenate([level, np.full((len(level), 1), 7.3)], axis=1)
    names = [*BANDS, "constant"]
    written = filters.write_filters(
        planted[0], lambda: batches(features), descriptors, names=names, out=tmp_path / "f.png"
    )
    assert written == [tmp_path / "f.png", tmp_path / "f.csv"]
    table = rows(tmp_path / "f.csv")
    assert [(row["feature"], row["rank"]) for row in table] == [
        *((name, str(rank)) for name in BANDS for rank in (1, 2, 3)),
        ("constant", ""),
    ]
    best = {row["feature"]: row for row in table if row["rank"] == "1"}
    assert best["high"]["filter"] == "5" and float(best["high"]["r"]) > 0.9
    low = {row["filter"]: float(row["r"]) for row in table if row["feature"] == "low"}
    assert best["low"]["filter"] in ("2", "6") and low["2"] > 0.9 and low["6"] < -0.9
    assert all(row["filter"] != "0" for row in table)  # a filter that never fires goes with nothing
    for feature in BANDS:
        ranked = [abs(float(row["r"])) for row in table if row["feature"] == feature]
        assert ranked == sorted(ranked, reverse=True)
    data = (tmp_path / "f.png").read_bytes()
    assert data.startswith(b"\x89PNG") and struct.unpack(">I", data[16:20])[0] == image_page.PAGE


def test_pooled_activation_is_the_maximum_over_time_after_the_rectifier(chunks, planted):
    features = chunks[0][:3]
    classifier, kernel = planted
    centred = features - keras.ops.convert_to_numpy(classifier.get_layer("minus_training_mean").mean)
    maps = [np.einsum("bhwc,hwcf->bf", centred[:, :, t : t + 5], kernel) for t in range(60)]
    expected = np.maximum(np.max(maps, axis=0), 0)
    np.testing.assert_allclose(
        filter_choice.pooled_activations(classifier, [features[:2], features[2:]]), expected, atol=2e-3
    )


def test_correlations_are_numpys_and_missing_where_constant():
    rng = np.random.default_rng(3)
    activations, descriptors = rng.normal(5, 2, (30, 4)), rng.normal(1e3, 1e-1, (30, 3))
    activations[:, 1] = 0
    descriptors[:, 2] = 0.1 + 0.2
    r = filter_choice.correlations(activations, descriptors)
    expected = np.corrcoef(activations[:, [0, 2, 3]].T, descriptors[:, :2].T)[3:, :3]
    np.testing.assert_allclose(r[:2][:, [0, 2, 3]], expected, atol=1e-9)
    assert np.isnan(r[:, 1]).all() and np.isnan(r[2]).all()
    assert filter_choice.strongest(np.array([0.2, np.nan, -0.5, 0.5])) == [(2, -0.5), (3, 0.5), (0, 0.2)]
    assert filter_choice.strongest(r[2]) == []


def test_a_filter_is_drawn_as_both_channels_over_hz_and_ms(planted):
    classifier, kernel = planted
    figure = filters.filter_figure(classifier, [[(5, 0.9), (2, -0.4)], []], ["high", "constant $"])
    drawn, dash = figure.axes[:2]
    assert [text.get_text() for text in drawn.texts] == ["+0.90", "−0.40"]
    assert [text.get_text() for text in dash.texts] == ["–"] and not dash.images
    assert len(drawn.images) == 4
    for image, index, channel in zip(drawn.images, (5, 5, 2, 2), (0, 1, 0, 1), strict=True):
        np.testing.assert_allclose(image.get_array(), kernel[..., channel, index] / np.abs(kernel[..., index]).max())
        assert image.origin == "lower" and image.get_extent()[2:] == [0, 2000]
    assert [label.get_text() for label in drawn.get_xticklabels()] == ["0", "40"]
    lefts = [image.get_extent()[0] for image in drawn.images]
    assert lefts == sorted(lefts) and drawn.images[-1].get_extent()[1] <= drawn.get_xlim()[1]


def test_filters_of_a_square_kernel_are_drawn_without_absolute_hz(chunks):
    classifier = anand2015_cnn(PAIR, 3, filters=(4, 4), kernel=(5, 5))
    pooled = filter_choice.pooled_activations(classifier, batches(chunks[0]))
    assert pooled.shape == (48, 4)
    figure = filters.filter_figure(classifier, [[(0, 0.5)]], ["low"])
    assert figure.axes[0].images[0].get_extent()[3] == 5 * 31.25
    assert "from the lowest row" in figure.texts[-1].get_text()


def dense(units=40):
    """A net whose unit 7 is the strongest, all of it at (10, 20, 1); unit 3 has no weights."""
    classifier = anand2015_dense(PAIR, 3, hidden=(units, 4))
    kernel = np.random.default_rng(0).normal(0, 0.01, (*PAIR, units)).astype(np.float32)
    kernel[..., 7] = 0
    kernel[10, 20, 1, 7] = -5
    kernel[..., 3] = 0
    classifier.get_layer("hidden1").kernel.assign(kernel.reshape(-1, units))
    return classifier


def test_dense_weights_are_drawn_strongest_first(tmp_path):
    figure = filters.dense_figure(dense())
    titles = [text.get_text() for text in figure.texts[:-1]]
    assert len(titles) == 32 and titles[0] == "unit 7, norm 5" and not any(t.startswith("unit 3,") for t in titles)
    first, second = (image.get_array() for image in figure.axes[0].images)
    assert not first.any() and second[10, 20] == -1 and np.count_nonzero(second) == 1
    assert filters.write_dense_weights(dense(9), tmp_path / "w.png") == [tmp_path / "w.png"]
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
    assert len([t for t in filters.dense_figure(dense(9)).texts if t.get_text().startswith("unit")]) == 9


def test_other_architectures_are_refused(tmp_path):
    out, descriptors = tmp_path / "f.png", np.zeros((4, 1))
    convolutional = anand2015_cnn(PAIR, 3, filters=(4,), kernel=(64, 5))
    for classifier in (log_mel_cnn(PAIR, 3), dense(), anand2015_cnn((64, 64, 1), 3, filters=(4,))):
        with pytest.raises(SerKerasError, match="anand2015_cnn"):
            filters.write_filters(classifier, lambda: [], descriptors, names=["a"], out=out)
    for classifier in (convolutional, anand2015_dense(PAIR, 3, hidden=()), anand2015_dense((26,), 3)):
        with pytest.raises(SerKerasError, match="anand2015_dense"):
            filters.write_dense_weights(classifier, out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("features", "descriptors", "names", "said"),
    [
        (np.zeros((4, 64, 30, 2), np.float32), np.zeros((4, 1)), ["a"], "features of shape"),
        (np.zeros((4, *PAIR), np.float32), np.zeros((5, 1)), ["a"], "4 chunks and descriptors of 5"),
        (np.zeros((2, *PAIR), np.float32), np.zeros((2, 1)), ["a"], "at least 3"),
        (np.zeros((4, *PAIR), np.float32), np.full((4, 1), np.nan), ["a"], "finite"),
        (np.zeros((4, *PAIR), np.float32), np.zeros((4, 2)), ["a"], "1 names for 2"),
    ],
)
def test_chunks_that_do_not_fit_are_refused_in_one_line(tmp_path, features, descriptors, names, said):
    classifier = anand2015_cnn(PAIR, 3, filters=(4,), kernel=(64, 5))
    with pytest.raises(SerKerasError, match=said) as error:
        filters.write_filters(classifier, lambda: [features], descriptors, names=names, out=tmp_path / "f.png")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
