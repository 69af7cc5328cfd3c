"""Faces: which frames are read, what training sees of them, and rows on them like any other."""

import shutil

import keras
import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra `faces`")
pytest.importorskip("av", reason="needs the extra `video`")

from ser_keras.cli.main import main  # noqa: E402
from ser_keras.common.errors import SerKerasError  # noqa: E402
from ser_keras.common.row_store import RowStore  # noqa: E402
from ser_keras.evaluation import Predictions  # noqa: E402
from ser_keras.experiment import assembly, saved_model
from ser_keras.experiment.run import RunDirectory  # noqa: E402
from ser_keras.experiment.settings import Experiment  # noqa: E402
from ser_keras.export import from_run
from ser_keras.features.conditions import parse  # noqa: E402
from ser_keras.features.extractor import JoinedShape  # noqa: E402
from ser_keras.features.faces import FACE_FRONT_ENDS, AudioVisual, FaceFrames, video  # noqa: E402
from ser_keras.features.faces.stores import JoinedStore, PixelStore  # noqa: E402
from ser_keras.models.layers.per_chunk import PerChunk  # noqa: E402
from ser_keras.models.layers.picture_nets import APPLICATIONS, IMAGENET  # noqa: E402
from ser_keras.models.papers.anand2015_faces import anand2015_audio_visual  # noqa: E402
from ser_keras.models.papers.image_nets import keras_application  # noqa: E402
from ser_keras.training import crossvalidation, reevaluation
from ser_keras.training.data.labelled_audio import read_corpora  # noqa: E402
from ser_keras.training.data.preparation import compute_features, prepare  # noqa: E402
from tests.made_corpus import vowel, write_corpus  # noqa: E402
from tests.made_faces import RATE, write_clip, write_video_corpus  # noqa: E402

WINDOW, HOP = 8800, 8192
PRETRAINED = ("caffenet", "MobileNetV2")
# Little to hear with: the sounds say nothing, and a larger net learns them by heart.
SMALL_SOUND = ("model.filters=[2]", "model.hidden=2", "model.units=16", "model.dropout=0")
FAST = ("training.epochs=15", "training.batch_size=6", "training.learning_rate=0.003")
SMALL_FACES = ("model.face_filters=[8, 16]", "model.face_hidden=16", "cleaning.drop_mislabelled=0")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return [("manifest", write_video_corpus(tmp_path_factory.mktemp("videos")))]


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """A clip whose frame i is of shade 4 i, its left half red, its edges (cropped) white."""
    pictures = np.zeros((40, 48, 80, 3), np.uint8)
    pictures[...] = 4 * np.arange(40)[:, None, None, None]
    pictures[:, :, :40, 0] += 60
    pictures[:, :, :12] = pictures[:, :, -12:] = 255
    path = tmp_path_factory.mktemp("clip") / "shades.avi"
    write_clip(path, pictures, vowel(120, 0.3, 40 / RATE, np.random.default_rng(0)))
    return path


def experiment(recipe, *changes):
    return Experiment.from_recipe(recipe, ["protocol.folds=2", *changes])


def shade_of(picture):
    """The frame number that a picture of `shades`, in [0, 1], shows right of its middle."""
    return round(float(picture[4:-4, 30:44, -1].mean()) * 255 / 4)


def with_blank_pictures(content):
    """An .avi whose pictures are zeros; its sound and its index are whole."""
    damaged, place = bytearray(content), 0
    while (place := content.find(b"00dc", place)) >= 0:
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        if content[place + 8 : place + 10] == b"\xff\xd8":  # a picture, not its entry in the index
            damaged[place + 8 : place + 8 + size] = bytes(size)
        place += 4
    return bytes(damaged)


@pytest.mark.smoke
def test_frames_are_read_by_number(shades):
    times = video.frame_times(shades)
    np.testing.assert_allclose(times, np.arange(40) / RATE, atol=1e-6)
    found = video.read_frames(shades, [31, 0, 7], 32, colour=True, crop=True)
    for number, picture in found.items():
        assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
        assert abs(picture[8:24, 22:28].mean() - 4 * number) < 3, "the frame asked for"
        red = picture[8:24, 4:10].astype(int) - picture[8:24, 22:28]
        assert red[..., 0].mean() > 40 > 20 > abs(red[..., 2].mean()), "RGB, and left is left"
        assert picture.max() < 240, "the edges are cropped"
    squeezed = video.read_frames(shades, [7], 32, colour=False, crop=False)[7]
    assert squeezed.shape == (32, 32, 1) and squeezed[16, 1, 0] > 240, "the edges are squeezed in"


@pytest.mark.parametrize("kind", ["half", "noise", "sound", "pictures", "missing", "folder"])
def test_a_video_that_cannot_be_used_is_one_line(shades, tmp_path, kind, capfd):
    path, content = tmp_path / "bad.avi", shades.read_bytes()
    if kind == "sound":
        path = tmp_path / "bad.wav"
        write_corpus(tmp_path / "sound", speakers=1, takes=1)
        shutil.copy(next((tmp_path / "sound").glob("*.wav")), path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        broken = {"half": content[: len(content) // 2], "noise": np.random.default_rng(0).bytes(5000)}
        broken["pictures"] = with_blank_pictures(content)
        path.write_bytes(broken[kind])
    with pytest.raises(SerKerasError) as caught:
        video.frame_times(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and caught.value.reason
    assert isinstance(caught.value, video.NoPictures) == (kind in ("noise", "sound"))
    assert not capfd.readouterr().err, "FFmpeg's own complaints are kept back"


def test_frames_are_drawn_while_the_utterance_lasts():
    front_end, times = FaceFrames(frames=5), np.arange(100) / RATE

    def draw(seed, start=1.0, n=16000, front_end=front_end):
        sound = {"n_samples": n, "window": 640, "hop": 640, "tail": "drop"}
        return front_end.choose("x.avi", times, start, **sound, rng=np.random.default_rng(seed))

    numbers, starts = draw(0)
    assert len(set(numbers)) == 5 and (np.diff(numbers) > 0).all() and numbers[0] >= 25 and numbers[-1] < 50
    np.testing.assert_array_equal(starts, (numbers - 25) * 640)
    np.testing.assert_array_equal(draw(0)[0], numbers)
    assert any(not np.array_equal(draw(seed)[0], numbers) for seed in range(1, 4))
    drawn = np.concatenate([draw(seed)[0] for seed in range(200)])
    assert set(drawn) == set(range(25, 50)), "every frame can be drawn"
    assert draw(0, n=1300)[0].tolist() == [25, 26, 27], "fewer frames: all of them"
    with pytest.raises(SerKerasError, match=r"x.avi: no picture from 9.00 s to 10.00 s; they end at 3.96 s"):
        draw(0, start=9.0)


def test_each_chunk_gets_the_frame_in_its_middle():
    front_end, times = AudioVisual(), np.arange(100) / RATE

    def choose(n, tail="drop", times=times):
        sound = {"n_samples": n, "window": WINDOW, "hop": HOP, "tail": tail}
        return front_end.choose("x.avi", times, 1.0, **sound, rng=np.random.default_rng(0))

    numbers, starts = choose(30000)
    np.testing.assert_array_equal(starts, [0, HOP, 2 * HOP])
    np.testing.assert_array_equal(numbers, np.round((1 + (starts + WINDOW / 2) / 16000) * RATE))
    assert choose(4000)[0].tolist() == [round((1 + 0.125) * RATE)], "a short utterance: the middle of what there is"
    with pytest.raises(SerKerasError, match="x.avi: its pictures end at 0.36 s, its sound at 2.88"):
        choose(30000, times=times[:10])


@pytest.mark.parametrize(
    ("front_end", "settings", "said"),
    [
        ("face_frames", {"size": 4}, "face_frames: size is 4; it must be an integer from 8 to 512"),
        ("face_frames", {"size": 64.0}, "size is 64.0"),
        ("face_frames", {"frames": 0}, "frames is 0; it must be an integer from 1"),
        ("audio_visual", {"sound": "log_mell"}, "nearest: log_mel"),
        ("audio_visual", {"sound": {"name": "log_mel", "n_mel": 3}}, "nearest: frontend.sound.n_mels"),
        ("audio_visual", {"sound": 3}, "frontend.sound is 3"),
    ],
)
def test_bad_settings_are_one_line(front_end, settings, said):
    with pytest.raises(SerKerasError, match=said):
        FACE_FRONT_ENDS[front_end](**settings)


@pytest.mark.parametrize("protocol", ["speaker_independent", "chunk_random"])
def test_rows_are_the_frames_that_were_drawn(shades, tmp_path, protocol):
    shutil.copy(shades, tmp_path / "a.avi")
    (tmp_path / "b.avi").write_bytes(shades.read_bytes() + b"\0" * 2)  # another file, drawn anew
    rows = ["path,emotion,speaker,start,end", "a.avi,anger,1,,", "b.avi,fear,2,,", "a.avi,fear,1,0.8,1.2"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    given = experiment("anand2015.face_softmax", f"protocol.name={protocol}", "frontend.size=48", "frontend.frames=4")
    prepared = prepare(given, read_corpora([("manifest", tmp_path)]), quiet=True)
    material, seen = prepared.material, []
    for i, item in enumerate(material.items):
        rows, _ = material.rows([i])
        assert len(rows) == len(material.starts[i]) == (1 if protocol == "chunk_random" else 4)
        for picture, start in zip(material.store.gather(rows), material.starts[i], strict=True):
            assert picture.dtype == np.float32 and picture.max() <= 1
            seen.append((item.name, shade_of(picture)))
            assert seen[-1][1] == round(((item.start or 0) + start / 16000) * RATE), "its time is the one that is told"
    assert len(set(seen)) >= len(seen) - 1, "drawn without replacement"
    assert sorted(n for name, n in seen if name == "a.avi") != sorted(n for name, n in seen if name == "b.avi")
    other = prepare(given.model_copy(update={"seed": 1}), read_corpora([("manifest", tmp_path)]), quiet=True).material
    shown = [[shade_of(p) for p in m.store.gather(m.rows(np.arange(len(m.items)))[0])] for m in (material, other)]
    assert shown[0] != shown[1], "another seed, other frames"


def test_a_joined_row_is_the_sound_and_behind_it_the_frame(corpus):
    prepared = prepare(experiment("anand2015.audio_visual"), read_corpora(corpus), quiet=True)
    sound = prepare(experiment("anand2015.cnn_lstm"), read_corpora(corpus), quiet=True).material
    material, front_end = prepared.material, assembly.build_extractor(prepared.experiment)
    assert material.feature_shape.parts == (sound.feature_shape, (64, 64, 1))
    assert front_end.feature_shape(WINDOW) == material.feature_shape
    assert front_end.compute_output_shape((None, WINDOW)) == (None, *material.feature_shape)
    for i in (0, 17, 35):
        rows = material.store.gather(material.rows([i])[0])
        np.testing.assert_array_equal(rows[:, :8192], sound.store.gather(sound.rows([i])[0]).reshape(len(rows), -1))
        middles = (material.starts[i] + WINDOW / 2) / 16000 * RATE
        numbers = np.round(middles).astype(int).tolist()
        pictures = front_end.read(material.items[i].path, numbers)
        expected = np.stack([pictures[n] for n in numbers]).reshape(len(rows), -1) / np.float32(255)
        np.testing.assert_allclose(rows[:, 8192:], expected, atol=1e-6)
    with pytest.raises(SerKerasError, match="condition pause:1:-65 moves the sound, and audio_visual looks at its pic"):
        compute_features(prepared, condition=parse("pause:1:-65"))


def test_pictures_are_read_once_and_bad_videos_left_out(corpus, tmp_path, monkeypatch):
    folder = tmp_path / "some"
    shutil.copytree(corpus[0][1].parent, folder)
    content = (folder / "s0_anger_0.avi").read_bytes()
    (folder / "s0_anger_0.avi").write_bytes(with_blank_pictures(content))
    sounds = write_corpus(tmp_path / "sounds", speakers=2, takes=1)
    with open(folder / "manifest.csv", "a", encoding="utf-8") as file:
        file.writelines(f"../sounds/{p.name},anger,s1,female\n" for p in sounds.parent.glob("*.wav"))
    given = experiment("anand2015.face_softmax")
    prepared = prepare(given, read_corpora([("manifest", folder)]), quiet=True)
    assert len(prepared.audio.utterances) == 35 and len(prepared.audio.bad_files) == 1 + 6
    assert prepared.audio.bad_files["s0_anger_0.avi"] == "none of its pictures can be decoded"
    with pytest.raises(SerKerasError, match="audio.bad_files=skip goes on without such files"):
        prepare(experiment("anand2015.face_softmax", "audio.bad_files=fail"), read_corpora([("manifest", folder)]))
    with pytest.raises(SerKerasError, match="none of the 6 files has pictures .*corpus manifest has no pictures"):
        prepare(given, read_corpora([("manifest", sounds)]), quiet=True)

    prepare(given, read_corpora(corpus), quiet=True)

    def opened(path):
        raise AssertionError("what is in the cache isn't read again")

    monkeypatch.setattr(video, "open_video", opened)
    again = prepare(given, read_corpora(corpus), quiet=True)
    assert len(again.audio.utterances) == 36


def uar_of(run):
    assert run.metrics["n_utterances"] == 36 and not run.metrics["leaky"]
    return run.metrics["uar"]


def test_faces_are_learnt_and_shuffled_labels_are_not(corpus, tmp_path):
    settings = experiment("anand2015.face_fc2", "training.epochs=12", "training.batch_size=16")
    run = crossvalidation.train(settings, corpus, tmp_path / "run")
    assert uar_of(run) > 0.9 and run.metrics["segment"]["uar"] > 0.85
    shuffled = [("manifest", write_video_corpus(tmp_path / "shuffled", shuffled=True))]
    chance = crossvalidation.train(settings, shuffled, tmp_path / "shuffled_run", only_fold=0)
    table = Predictions.read_csv(chance.fold(0) / "predictions.csv")
    assert len(table) == 18 and np.mean(table.predicted == table.true) < 0.7

    utterances, frames = (Predictions.read_csv(run.path / f"{n}.csv") for n in ("predictions", "segments"))
    assert len(frames) == 5 * len(utterances) and (run.path / "report.html").is_file()
    np.testing.assert_allclose(frames.probabilities.reshape(36, 5, 3).mean(axis=1), utterances.probabilities, atol=1e-6)
    with pytest.raises(SerKerasError, match="can't be exported: it looks at pictures of faces .face_frames."):
        from_run.export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    with pytest.raises(SerKerasError, match="condition noise:20 distorts sound, and face_frames looks at pictures"):
        reevaluation.evaluate(run, conditions=[parse("noise:20")])
    [(_, _, figures)] = reevaluation.evaluate(run)
    assert figures["uar"] == run.metrics["uar"]
    [(_, _, figures)] = reevaluation.evaluate(run, corpora=[("manifest", tmp_path / "shuffled")])
    assert figures["n_utterances"] == 36
    again = crossvalidation.train(settings, corpus, tmp_path / "again", only_fold=1)
    parts = [Predictions.read_csv(r.fold(1) / "predictions.csv").probabilities for r in (run, again)]
    np.testing.assert_allclose(*parts, atol=1e-6, err_msg="the same seed, the same frames and weights")


@pytest.mark.smoke
def test_the_audio_visual_net_learns_from_faces(corpus, tmp_path):
    """Nothing is to be heard of the class in these clips."""
    settings = experiment("anand2015.audio_visual", *SMALL_SOUND, *SMALL_FACES, *FAST)
    run = crossvalidation.train(settings, corpus, tmp_path / "run", refit=False)
    assert uar_of(run) > 0.65 and run.metrics["segment"] is None, "chance is 0.33"
    prepared = reevaluation.reopen_prepared(RunDirectory(tmp_path / "run"), unfinished=True)
    classifier, item = saved_model.load_keras_model(run.fold(0)), prepared.folds[0].test[0]
    row = prepared.material.store.gather(prepared.material.rows([item])[0])[None]
    present = np.ones(row.shape[:2], bool)
    padded = np.concatenate([row, np.ones_like(row)], axis=1), np.concatenate([present, ~present], axis=1)
    one, other = (np.asarray(classifier(list(x), training=False)) for x in ((row, present), padded))
    np.testing.assert_allclose(one, other, atol=1e-6, err_msg="chunks that aren't present change nothing")
    means = {x.name: np.asarray(x.mean) for x in classifier.get_layer("per_chunk").model.layers if hasattr(x, "mean")}
    train = prepared.material.store.gather(prepared.material.rows(prepared.folds[0].train)[0])
    np.testing.assert_allclose(means["minus_mean_picture"].ravel(), train[:, 8192:].mean(axis=0), atol=1e-5)
    assert np.abs(means["minus_training_mean"]).max() > 0


def gradients(net, **settings):
    keras.utils.set_random_seed(0)  # of few units dropout and rectifiers can leave none
    shape = JoinedShape(((64, 64, 2), (67, 67, 3)))
    model = anand2015_audio_visual(shape, 3, filters=[4], hidden=16, face_net=net, face_hidden=16, units=3, **settings)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        x = np.random.default_rng(0).uniform(size=(2, 3, *shape)).astype(np.float32)
        loss = tf.reduce_sum(model([x, np.ones((2, 3), bool)], training=True)[:, 0])
    names = [v.path for v in model.trainable_variables]
    return dict(zip(names, tape.gradient(loss, model.trainable_variables), strict=True)), model


@pytest.mark.parametrize(
    "net", ["small", *(pytest.param(n, marks=pytest.mark.slow) for n in ("caffenet", "MobileNetV2"))]
)
def test_every_net_of_faces_is_trained_whole(net, tmp_path):
    found, model = gradients(net, **({} if net == "small" else {"face_weights": "random"}))
    for part in ("conv1", "face_hidden", {"small": "face_conv1", "caffenet": "fc7", "MobileNetV2": "Conv1"}[net]):
        assert any(part in name and np.abs(g).max() > 0 for name, g in found.items()), part
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    x = [np.random.default_rng(1).uniform(size=(1, 2, model.inputs[0].shape[-1])), np.ones((1, 2), bool)]
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(again(x)), atol=1e-5)
    assert any(isinstance(layer, PerChunk) for layer in again.layers)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"face_net": "cafenet"}, "face_net is 'cafenet'; nearest: caffenet"),
        ({"face_net": "caffenet"}, "no weights for caffenet; face_weights must name"),
        ({"face_net": "MobileNetV2"}, "no weights for MobileNetV2; give `imagenet`"),
        ({"face_net": "MobileNetV2", "face_weights": "no.h5"}, "weights no.h5: no such file"),
        ({"face_weights": "imagenet"}, "face_weights are for pre-trained nets"),
        ({"face_filters": [2] * 7}, "pictures are too small for 7 convolutions"),
    ],
)
def test_a_net_that_cannot_be_had_is_one_line(settings, said):
    with pytest.raises(SerKerasError, match=said):
        anand2015_audio_visual(JoinedShape(((64, 64, 2), (64, 64, 3))), 3, filters=[2], hidden=3, **settings)
    with pytest.raises(SerKerasError, match="takes sound joined with pictures: set frontend.name=audio_visual"):
        anand2015_audio_visual((64, 64, 2), 3, **settings)


@pytest.mark.slow
def test_weights_of_a_file_are_those_of_the_net(tmp_path, monkeypatch):
    shape, file = (32, 32, 3), tmp_path / "net.weights.h5"
    kept = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=shape)
    kept.save_weights(file)
    x = np.random.default_rng(0).uniform(size=(2, *shape)).astype(np.float32)
    model = keras_application(shape, 3, weights=str(file), frozen=True)
    before = keras.Model(model.input, model.get_layer("mean_of_maps").output)
    expected = np.asarray(kept(x * 2 - 1, training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(np.asarray(before(x, training=True)), expected, atol=1e-4)
    assert len(model.trainable_variables) == 2, "frozen: the last layer alone"
    file.write_bytes(b"no weights")
    with pytest.raises(SerKerasError, match="MobileNetV2 with weights=.*can't be made"):
        keras_application(shape, 3, weights=str(file))
    with pytest.raises(SerKerasError, match="takes pictures in colour; set frontend.colour=true"):
        keras_application((32, 32, 1), 3, weights="random")

    def failing(*_, **__):
        raise Exception("URL fetch failure on X: None -- [Errno -2]\nName or service not known")

    monkeypatch.setattr(keras.applications, "MobileNetV2", failing)
    with pytest.raises(SerKerasError, match="URL fetch failure on X: None -- .Errno -2. Name or service not known$"):
        keras_application(shape, 3, weights=IMAGENET)


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_pixels_are_what_each_application_was_trained_on(name):
    """As the net's own module prepares them."""
    module = {
        "DenseNet121": keras.applications.densenet,
        "MobileNetV2": keras.applications.mobilenet_v2,
        "ResNet50": keras.applications.resnet50,
        "VGG16": keras.applications.vgg16,
    }.get(name)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    expected = module.preprocess_input(pixels.copy()) if module else None
    if module is None:  # EfficientNetV2B0 has it within: a Rescaling and a Normalization layer
        net = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(32, 32, 3))
        layers = [x for x in net.layers[:4] if isinstance(x, keras.layers.Rescaling | keras.layers.Normalization)]
        expected = pixels
        for layer in layers:
            expected = np.asarray(layer(expected))
        assert len(layers) == 2
    mode = APPLICATIONS[name]
    found = keras.applications.imagenet_utils.preprocess_input(pixels.copy(), data_format="channels_last", mode=mode)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-3)


def test_joined_rows_and_pixels(tmp_path):
    pixels = PixelStore(tmp_path / "pixels", np.uint8, (2, 1))
    sound = RowStore(tmp_path / "sound", np.float32, (3,))
    pixels.extend([("a", np.array([[[0], [255]], [[51], [102]]], np.uint8))])
    sound.extend([("a", np.arange(6, dtype=np.float32).reshape(2, 3))])
    joined = JoinedStore([sound, pixels], [[1, 0, 1], [0, 1, 1]])
    assert (*joined.shape,) == (5,) and joined.shape.parts == ((3,), (2, 1))
    np.testing.assert_allclose(joined.gather([2, 0]), [[3, 4, 5, 0.2, 0.4], [3, 4, 5, 0, 1]])


def test_the_command_line_refuses_what_pictures_cannot_do(corpus, tmp_path, capsys):
    def said(recipe, *changes):
        sets = [part for change in changes for part in ("--set", change)]
        arguments = [
            "train",
            "--corpus",
            f"manifest={corpus[0][1]}",
            "--recipe",
            recipe,
            "--out",
            str(tmp_path / "run"),
        ]
        assert main([*arguments, *sets]) == 2 and not (tmp_path / "run" / "experiment.yaml").exists()
        return capsys.readouterr().err.splitlines()[-1]

    grid = "augmentation={mode: grid, gain_db: [0, 3]}"
    assert "augmentation varies sound, and not pictures (face_frames)" in said("anand2015.face_softmax", grid)
    assert "augmentation varies sound" in said("anand2015.audio_visual", "augmentation={mode: random, gain_db: [0, 3]}")
    assert "docs/alexnet.md" in said("anand2015.face_finetuned")
    assert "set unit=utterance" in said("anand2015.audio_visual", "unit=window")
