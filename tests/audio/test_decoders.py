"""The decoders that can be chosen, and what tfio refuses."""

import sys

import numpy as np
import pytest

from ser_keras.audio import decoders
from ser_keras.audio.reading import AudioError, load
from ser_keras.common.errors import SerKerasError
from tests.audio.sound_files import write
from tests.broken_audio import speech


class TestDecoders:
    def test_unknown(self, broken):
        with pytest.raises(SerKerasError, match="nearest: tfio"):
            load(broken[0] / "plain.wav", decoder="tfoi")

    def test_tensorflow_is_not_imported(self):
        import subprocess

        code = "import sys, ser_keras.audio.reading, ser_keras.corpora.checking; sys.exit('tensorflow' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0

    def test_tfio_equals_soundfile_on_pcm(self, broken, tmp_path):
        pytest.importorskip("tensorflow_io")
        folder, _ = broken
        write(tmp_path / "24.flac", speech(channels=2), format="FLAC", subtype="PCM_24")
        names = [
            "plain.wav",
            "stereo.wav",
            "six_channels.wav",
            "8_bit.wav",
            "24_bit.wav",
            "plain.flac",
            "rate_44100.wav",
        ]
        for path in [folder / name for name in names] + [tmp_path / "24.flac"]:
            a, b = load(path), load(path, decoder="tfio")
            assert np.array_equal(a.samples, b.samples), path.name
            assert (a.file_rate, a.channels, a.warnings) == (b.file_rate, b.channels, b.warnings)
            a, b = load(path, 0.25, 0.75), load(path, 0.25, 0.75, decoder="tfio")
            assert np.array_equal(a.samples, b.samples), path.name
        for name in ("plain.ogg", "plain.mp3"):
            a, b = load(folder / name), load(folder / name, decoder="tfio")
            np.testing.assert_allclose(a.samples, b.samples, atol=1e-5)

    def test_tfio_refuses_what_it_would_read_wrongly(self, broken):
        pytest.importorskip("tensorflow_io")
        for name in ("32_bit.wav", "float64.wav", "never_closed.wav", "aiff_inside.wav", "mu_law.wav"):
            with pytest.raises(AudioError, match="use decoder 'soundfile'"):
                load(broken[0] / name, decoder="tfio")

    def test_tfio_on_broken_files(self, broken):
        pytest.importorskip("tensorflow_io")
        folder, expected = broken
        for name in (n for n, what in expected.items() if what == "error"):
            with pytest.raises(AudioError):
                load(folder / name, decoder="tfio")

    def test_tfio_not_installed(self, broken, monkeypatch):
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)
        with pytest.raises(SerKerasError, match="pip install"):
            load(broken[0] / "plain.wav", decoder="tfio")

    def test_tfio_whose_operations_do_not_load(self, broken, monkeypatch):
        tensorflow = pytest.importorskip("tensorflow")

        def tensor_of(path):
            raise NotImplementedError("unable to open file: libtensorflow_io.so")

        monkeypatch.setattr(decoders, "import_tfio", lambda: (tensorflow, tensor_of))
        with pytest.raises(SerKerasError, match="native library doesn't load"):
            load(broken[0] / "plain.wav", decoder="tfio")
