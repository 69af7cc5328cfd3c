"""`ser-keras corpora get`."""

import os
import re

import pytest

from ser_keras.cli.main import main


class TestCommand:
    @staticmethod
    def called(capsys, *arguments):
        code = main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    def test_says_what_came_and_how_to_use_it(self, archive, server, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, err = self.called(capsys, "corpora", "get", "emodb")
        assert code == 0 and "70 utterances, 10 speakers" in out
        assert out.splitlines()[-1] == f"use it as --corpus emodb={tmp_path / 'emodb'}"
        assert "fetching emodb.zip: 1 MB in" in err and "unpacking: 71 files" in err
        code, out, err = self.called(capsys, "corpora", "get", "emodb", "--out", tmp_path / "emodb")
        assert code == 0 and "holds emodb already" in out

    @pytest.mark.parametrize(
        "name, words",
        [
            ("emodbb", "nearest: emodb"),
            ("savee", "ask the University of Surrey .* corpora check savee=FOLDER"),
            ("iemocap", "isn't free to fetch: ask .*sail.usc.edu"),
            ("casia", "chineseldc"),
            ("des", "Aalborg"),
            ("mes", "no public source is known"),
            ("synthetic", "isn't fetched from anywhere.*free to fetch: cremad, emodb"),
            ("manifest", "isn't fetched from anywhere"),
        ],
    )
    def test_what_cannot_be_fetched_is_one_line(self, name, words, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, err = self.called(capsys, "corpora", "get", name)
        assert code == 2 and not out and len(err.strip().splitlines()) == 1 and re.search(words, err)
        assert os.listdir(tmp_path) == []

    def test_a_folder_that_holds_something_else(self, server, archive, tmp_path, capsys):
        (tmp_path / "emodb").mkdir()
        (tmp_path / "emodb" / "thesis.doc").write_text("x")
        code, out, err = self.called(capsys, "corpora", "get", "emodb", "--out", tmp_path / "emodb")
        assert code == 2 and "holds something else" in err and not server.asked
        assert os.listdir(tmp_path / "emodb") == ["thesis.doc"]
