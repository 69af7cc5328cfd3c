"""Readers of eNTERFACE, IEMOCAP, CASIA, CREMA-D, TESS, DES and MES on generated trees of the published layouts."""

import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile

from ser_keras import corpora
from ser_keras.cli.texts import corpus_check
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA, NotThisCorpus
from ser_keras.corpora.checking import check
from ser_keras.corpora.classes import select
from ser_keras.corpora.folders import find_folder
from ser_keras.corpora.readers import casia, cremad, enterface, iemocap
from ser_keras.corpora.utterance import Utterance

RATE = 16000


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def record(path, seconds=0.03, rate=RATE, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(len(path.name)).uniform(-0.5, 0.5, round(seconds * rate))
    soundfile.write(path, wave, rate, **how)
    return path


def counts(utterances):
    return dict(sorted(Counter(u.emotion for u in utterances).items()))


def assert_published(name, root, published=None):
    """A full set of names gives the published counts, and every folder above or below the same utterances."""
    listing = corpora.scan(name, root)
    published = published or CORPORA[name].editions[0]
    assert counts([*listing.utterances, *listing.left_out]) == published.emotions
    assert len({u.speaker for u in listing.utterances}) == published.n_speakers
    assert all(u.speaker.startswith(f"{name}/") and u.corpus == name for u in listing.utterances)
    assert [u.name for u in listing.utterances] == sorted(u.name for u in listing.utterances)
    assert not listing.bad_files
    return listing


class TestEnterface:
    @staticmethod
    def make(root, subjects=range(1, 45), folder="subject {}", misspelt=True):
        """The archive's 1293 videos, with its misspelt names and with subject 6 unsegmented."""
        for subject in subjects:
            for code, emotion in enterface.EMOTION_CODES.items():
                above = root / folder.format(subject) / emotion
                if subject == 6:
                    touch(above / f"s6_{code}.avi")
                    continue
                for sentence in range(1, 6):
                    if (subject, code) == (23, "ha") and sentence > 2:
                        continue
                    name = f"s{12 if subject == 11 else subject}_{code}_{sentence}.avi"
                    if misspelt and (subject, code, sentence) == (16, "su", 3):
                        name = "s16_su_3avi.avi"
                    if misspelt and (subject, code) == (3, "su"):
                        name = f"s_3_su_{sentence}.avi"
                    touch(above / f"sentence {sentence}" / name)
        return root

    def test_the_archive(self, tmp_path):
        root = self.make(tmp_path / "project2_database" / "enterface database")
        touch(root / "subject 1" / "anger" / "sentence 1" / "Thumbs.db")
        listing = assert_published("enterface", root)
        assert len(listing.utterances) == 1287
        assert listing.notes == ["6 files of subject 6 passed over: an emotion's sentences in one piece"]
        by_name = {u.name: u for u in listing.utterances}
        u = by_name["subject 3/surprise/sentence 4/s_3_su_4.avi"]
        assert (u.speaker, u.emotion, u.text, u.path) == ("enterface/03", "surprise", "su4", str(root / u.name))
        # twelve's names in eleven's folder: the folder says who speaks
        assert by_name["subject 11/fear/sentence 1/s12_fe_1.avi"].speaker == "enterface/11"
        assert by_name["subject 12/fear/sentence 1/s12_fe_1.avi"].speaker == "enterface/12"
        above = corpora.read("enterface", tmp_path)
        assert [u.path for u in above] == [u.path for u in listing.utterances]

    def test_other_ways_of_unpacking(self, tmp_path):
        self.make(tmp_path, (1, 7), folder="Subject-{}")
        for video in (tmp_path / "Subject-1").rglob("*.avi"):  # no folders of sentences
            video.rename(video.parents[1] / video.name)
        record(tmp_path / "Subject-1" / "anger" / "s1_an_1.wav")  # extracted beside its video
        shutil.move(tmp_path / "Subject-1" / "fear" / "s1_fe_2.avi", tmp_path / "Subject-1" / "fear" / "s1_fe_2.wav")
        listing = corpora.scan("enterface", tmp_path)
        assert len(listing.utterances) == 60 and not listing.bad_files
        assert "Subject-1/anger/s1_an_1.avi" in {u.name for u in listing.utterances}
        assert "Subject-1/fear/s1_fe_2.wav" in {u.name for u in listing.utterances}

    def test_names_that_disagree_are_bad(self, tmp_path):
        self.make(tmp_path, (1,))
        touch(tmp_path / "subject 1" / "anger" / "sentence 2" / "s1_fe_2.avi")
        touch(tmp_path / "subject 1" / "anger" / "sentence 3" / "copy.avi")
        touch(tmp_path / "subject 1" / "anger" / "sentence 4" / "s1_an_4avi.avi")
        touch(tmp_path / "subject 77" / "anger" / "s77_an_1.avi")
        listing = corpora.scan("enterface", tmp_path)
        assert len(listing.utterances) == 30
        reasons = {name.rpartition("/")[2]: reason for name, reason in listing.bad_files.items()}
        assert reasons.keys() == {"s1_fe_2.avi", "copy.avi", "s1_an_4avi.avi", "s77_an_1.avi"}
        assert "names fear, but lies in anger" in reasons["s1_fe_2.avi"]
        assert "same recording" in reasons["s1_an_4avi.avi"] and "no subject 77" in reasons["s77_an_1.avi"]


class TestIemocap:
    # (turn, code, [V, A, D]) of a dialogue
    TURNS = (
        ("F000", "neu", "2.5000, 2.0000, 3.0000"),
        ("F001", "exc", "4.0000, 4.5000, 3.0000"),
        ("M000", "hap", "4.0000, 3.5000, 2.0000"),
        ("M001", "xxx", "2.5000, 2.5000, 2.5000"),
        ("MXX0", "fru", "1.5000, 3.0000, 4.0000"),
    )

    @staticmethod
    def dialogue(root, name, turns):
        session = root / f"Session{name[4]}"
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        said = []
        for i, (turn, code, dimensions) in enumerate(turns):
            touch(session / "sentences" / "wav" / name / f"{name}_{turn}.wav")
            lines += [
                f"[{i}.2901 - {i}.8357]\t{name}_{turn}\t{code}\t[{dimensions}]",
                "C-E2:\tNeutral;\t()",
                "A-E3:\tval 3; act 2; dom  2;\t()",
                "",
            ]
            said.append(f"{name}_{turn} [{i:03d}.2901-{i:03d}.8357]: Line {i}. [LAUGHTER]")
        for folder, rows in (("EmoEvaluation", lines), ("transcriptions", said)):
            (session / "dialog" / folder).mkdir(parents=True, exist_ok=True)
            (session / "dialog" / folder / f"{name}.txt").write_text("\n".join(rows) + "\n")
        touch(session / "dialog" / "EmoEvaluation" / f"._{name}.txt").write_bytes(b"\x00\x05\x16\x07")
        touch(session / "sentences" / "wav" / name / f"._{name}_F000.wav")
        touch(session / "dialog" / "EmoEvaluation" / "Categorical" / f"{name}_e2_cat.txt")
        return root

    def make(self, root):
        for session in range(1, 6):
            self.dialogue(root, f"Ses0{session}F_impro01", self.TURNS)
            self.dialogue(root, f"Ses0{session}M_script01_1b", self.TURNS[:3])
        return root

    def test_labels_speakers_and_dimensions(self, tmp_path):
        root = self.make(tmp_path / "IEMOCAP_full_release")
        listing = corpora.scan("iemocap", root)
        assert not listing.bad_files
        assert listing.notes == ["5 turns passed over: raters agree on no emotion (xxx)"]
        assert counts(listing.utterances) == {"excitement": 10, "frustration": 5, "happiness": 10, "neutral": 10}
        assert {u.speaker for u in listing.utterances} == {f"iemocap/Ses0{n}{g}" for n in range(1, 6) for g in "FM"}
        by_name = {u.name: u for u in listing.utterances}
        u = by_name["Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_F001.wav"]
        assert (u.emotion, u.speaker, u.gender) == ("excitement", "iemocap/Ses02F", "female")
        assert (u.activation, u.valence, u.text) == (4.5, 4.0, "Line 1. [LAUGHTER]")
        # the man of a session speaks in dialogues of either name
        u = by_name["Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_MXX0.wav"]
        assert (u.emotion, u.speaker, u.gender) == ("frustration", "iemocap/Ses02M", "male")
        assert [u.path for u in corpora.read("iemocap", tmp_path)] == [u.path for u in listing.utterances]
        assert len(corpora.read("iemocap", root / "Session3")) == 7

    def test_the_four_classes_of_5531(self):
        """The selection that papers use is reached by a recipe's `classes`."""
        assert sum(iemocap.READER.editions[0].emotions.values()) + 2507 == 10039
        utterances = [
            Utterance(path="x", emotion=emotion, speaker="iemocap/Ses01F", corpus="iemocap")
            for emotion in Counter(iemocap.READER.editions[0].emotions).elements()
        ]
        classes = {
            "anger": ["anger"],
            "happiness": ["happiness", "excitement"],
            "neutral": ["neutral"],
            "sadness": ["sadness"],
        }
        kept, labels, live, _ = select(utterances, classes)
        assert len(kept) == 5531 and live == classes
        assert Counter(labels) == {0: 1103, 1: 1636, 2: 1708, 3: 1084}

    def test_missing_and_unlabelled_wavs_are_bad(self, tmp_path):
        self.make(tmp_path)
        folder = tmp_path / "Session1" / "sentences" / "wav" / "Ses01F_impro01"
        (folder / "Ses01F_impro01_F000.wav").rename(folder / "Ses01F_impro01_F009.wav")
        assert corpora.scan("iemocap", tmp_path).bad_files == {
            "Session1/Ses01F_impro01_F000.wav": "labelled, but not in sentences/wav",
            "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F009.wav": "no label",
        }
        for session in tmp_path.iterdir():
            shutil.rmtree(session / "sentences")
        with pytest.raises(NotThisCorpus, match="labels of 35 turns, and none of their wavs"):
            corpora.scan("iemocap", tmp_path)

    @pytest.mark.parametrize(
        "old, new, words",
        [
            ("\thap\t", "\thapp\t", "line 11: IEMOCAP has no emotion 'happ'; nearest: hap"),
            ("[4.0000, 3.5000", "[4.0000; 3.5000", "line 11: .* isn't .time. turn emotion"),
        ],
    )
    def test_damaged_labels_are_named_with_their_line(self, tmp_path, old, new, words):
        self.make(tmp_path)
        table = tmp_path / "Session4" / "dialog" / "EmoEvaluation" / "Ses04F_impro01.txt"
        table.write_text(table.read_text().replace(old, new))
        with pytest.raises(SerKerasError, match=words) as caught:
            corpora.read("iemocap", tmp_path)
        assert str(table) in str(caught.value) and str(caught.value).isprintable()


class TestCasia:
    SAME = ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang")
    OWN = ("Chang.Liu", "Zhe.Wang", "Quanyin.Zhao", "Zuoxiang.Zhao")

    @staticmethod
    def make(root, speakers, numbers, neutral="neutral"):
        for speaker in speakers:
            for emotion in ("angry", "fear", "happy", neutral, "sad", "surprise"):
                for number in numbers:
                    touch(root / speaker / emotion / f"{number}.wav")
        return root

    def test_the_part_that_most_have(self, tmp_path):
        root = self.make(tmp_path / "CASIA database" / "6", self.SAME, range(201, 251))
        listing = assert_published("casia", root, casia.READER.editions[0])
        u = {u.name: u for u in listing.utterances}["ZhaoZuoxiang/angry/205.wav"]
        assert (u.emotion, u.speaker, u.gender, u.text) == ("anger", "casia/zhaozuoxiang", "male", "205")
        women = {u.speaker for u in listing.utterances if u.gender == "female"}
        assert women == {"casia/liuchang", "casia/zhaoquanyin"}
        assert len(corpora.read("casia", tmp_path)) == 1200

    def test_the_whole_with_its_two_parts(self, tmp_path):
        self.make(tmp_path / "相同文本300", self.SAME, range(1, 7))
        self.make(tmp_path / "不同文本100", self.OWN, range(1, 3), neutral="normal")
        listing = corpora.scan("casia", tmp_path)
        assert not listing.bad_files
        assert set(counts(listing.utterances).values()) == {4 * 6 + 4 * 2}
        assert len({u.speaker for u in listing.utterances}) == 4
        texts = {u.text for u in listing.utterances if u.speaker == "casia/wangzhe"}
        assert len(texts) == 6 + 6 * 2

    def test_names_that_repeat_their_folders_and_bad_ones(self, tmp_path):
        touch(tmp_path / "wangzhe" / "sad" / "201-sad-wangzhe.wav")
        touch(tmp_path / "wangzhe" / "sad" / "201.wav")
        touch(tmp_path / "wangzhe" / "sad" / "copy.wav")
        touch(tmp_path / "wangzhe" / "bored" / "201.wav")
        listing = corpora.scan("casia", tmp_path)
        assert [u.name for u in listing.utterances] == ["wangzhe/sad/201-sad-wangzhe.wav"]
        assert len(listing.bad_files) == 3

    def test_check_takes_the_nearer_edition(self, tmp_path):
        for speaker in self.SAME:
            record(tmp_path / speaker / "angry" / "201.wav")
        assert "utterances 4 instead of 1200" in "\n".join(corpus_check(check("casia", tmp_path)))


class TestCremad:
    @staticmethod
    def make(folder):
        """7442 names with the published counts: 1040_ITH_SAD_XX is published as 1040_ITH_SAD_X."""
        for code, emotion in cremad.EMOTION_CODES.items():
            n = 0
            for intensity in ("XX", "HI"):
                for actor in range(1001, 1092):
                    for sentence in cremad.SENTENCES:
                        if n < cremad.READER.editions[0].emotions[emotion]:
                            stem = f"{actor}_{sentence}_{code}_{intensity}"
                            touch(folder / f"{'1040_ITH_SAD_X' if stem == '1040_ITH_SAD_XX' else stem}.wav")
                        n += 1
        return folder

    def test_the_repository(self, tmp_path):
        self.make(tmp_path / "CREMA-D" / "AudioWAV")
        touch(tmp_path / "CREMA-D" / "VideoFlash" / "1001_DFA_ANG_XX.flv")
        listing = assert_published("cremad", tmp_path / "CREMA-D")
        by_name = {u.name: u for u in listing.utterances}
        u = by_name["AudioWAV/1001_DFA_ANG_XX.wav"]
        assert (u.emotion, u.speaker, u.gender, u.text, u.intensity) == ("anger", "cremad/1001", "male", "DFA", None)
        u = by_name["AudioWAV/1091_TSI_HAP_XX.wav"]
        assert (u.emotion, u.gender) == ("happiness", "female")
        assert by_name["AudioWAV/1040_ITH_SAD_X.wav"].emotion == "sadness"
        assert len({u.speaker for u in listing.utterances if u.gender == "female"}) == 43

    def test_what_is_silent_or_has_two_labels_is_left_out(self, tmp_path):
        listing = corpora.scan("cremad", self.make(tmp_path))
        assert [u.name for u in listing.left_out] == [
            *("1006_TIE_HAP_XX.wav", "1006_TIE_NEU_XX.wav", "1013_WSI_DIS_XX.wav", "1013_WSI_SAD_XX.wav"),
            *("1017_IWW_ANG_XX.wav", "1017_IWW_FEA_XX.wav", "1076_MTI_SAD_XX.wav"),
        ]
        assert len(listing.utterances) == 7435 and not set(listing.utterances) & set(listing.left_out)
        [note] = listing.notes
        assert note.startswith("left out of training and tests: 1006_TIE_HAP_XX (the same audio as 1006_TIE_NEU_XX), ")
        assert note.endswith("1076_MTI_SAD_XX (silent)") and note.count("(") == 7

    def test_check_counts_what_is_left_out(self, tmp_path):
        for stem in ("1006_TIE_HAP_XX", "1006_TIE_SAD_XX"):
            record(tmp_path / f"{stem}.wav")
        result = check("cremad", tmp_path)
        assert result["emotions"] == {"happiness": 1, "sadness": 1} and result["n_utterances"] == 2
        assert len(corpora.read("cremad", tmp_path)) == 1 and "left out of training" in result["notes"][0]
        assert result["notes"][0] in corpus_check(result)

    def test_other_ways_of_unpacking(self, tmp_path):
        touch(tmp_path / "a" / "CREMA-D" / "AudioWAV" / "1001_DFA_ANG_XX.wav")
        for root, name in (("a", "CREMA-D/AudioWAV/"), ("a/CREMA-D/AudioWAV", "")):
            assert [u.name for u in corpora.read("cremad", tmp_path / root)] == [f"{name}1001_DFA_ANG_XX.wav"]

    def test_bad_names(self, tmp_path):
        touch(tmp_path / "1001_IEO_ANG_HI.wav")
        bad = ("1092_IEO_ANG_HI", "1001_ABC_ANG_HI", "1001_IEO_XYZ_HI", "1001_IEO_ANG_ZZ", "1001_IEO_SAD_X", "list")
        for stem in bad:
            touch(tmp_path / f"{stem}.wav")
        listing = corpora.scan("cremad", tmp_path)
        assert [u.intensity for u in listing.utterances] == ["high"]
        assert listing.bad_files.keys() == {f"{stem}.wav" for stem in bad}

    def test_a_clone_without_git_lfs_says_so(self, tmp_path):
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 64044\n"
        (tmp_path / "1001_IEO_ANG_HI.wav").write_text(pointer)
        assert "git lfs pull" in check("cremad", tmp_path)["bad_files"]["1001_IEO_ANG_HI.wav"]


class TestTess:
    FOLDERS = ("angry", "disgust", "Fear", "happy", "neutral", "Pleasant_surprise", "Sad")
    CODES = ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")

    def make(self, root, words=200, write=touch):
        for speaker in ("OAF", "YAF"):
            for folder, code in zip(self.FOLDERS, self.CODES, strict=True):
                if speaker == "YAF":
                    folder = {"Pleasant_surprise": "pleasant_surprised"}.get(folder, folder.lower())
                for i in range(words):
                    stem = "bite" if i == 0 else "word" + chr(97 + i // 26) + chr(97 + i % 26)
                    name = f"{'OA' if (speaker, code, i) == ('OAF', 'neutral', 0) else speaker}_{stem}_{code}.wav"
                    write(root / f"{speaker}_{folder}" / name)
        return root

    def test_folders_and_the_misspelt_name(self, tmp_path):
        root = self.make(tmp_path / "TESS Toronto emotional speech set data")
        # a popular copy holds everything twice, one within the other
        shutil.copytree(root, tmp_path / "copy")
        (tmp_path / "copy").rename(root / "TESS Toronto emotional speech set data")
        listing = assert_published("tess", root)
        by_name = {u.name: u for u in listing.utterances}
        u = by_name["OAF_neutral/OA_bite_neutral.wav"]
        assert (u.speaker, u.emotion, u.text, u.gender) == ("tess/OAF", "neutral", "bite", "female")
        assert by_name["YAF_pleasant_surprised/YAF_bite_ps.wav"].emotion == "surprise"
        assert len(corpora.read("tess", tmp_path)) == 2800

    def test_all_in_one_folder(self, tmp_path):
        self.make(tmp_path / "a", 3)
        (tmp_path / "flat").mkdir()
        for path in (tmp_path / "a").rglob("*.wav"):
            path.rename(tmp_path / "flat" / path.name)
        assert set(counts(corpora.read("tess", tmp_path / "flat")).values()) == {6}

    def test_bad_names(self, tmp_path):
        touch(tmp_path / "OAF_angry" / "OAF_back_angry.wav")
        for name in ("YAF_back_angry", "OAF_back_sad", "OA_back_angry", "OAF_back_bored", "note"):
            touch(tmp_path / "OAF_angry" / f"{name}.wav")
        listing = corpora.scan("tess", tmp_path)
        assert len(listing.utterances) == 1 and len(listing.bad_files) == 5
        assert "lies in OAF_angry" in listing.bad_files["OAF_angry/OAF_back_sad.wav"]

    def test_aiff_in_wav_names_and_mixed_rates(self, tmp_path):
        self.make(tmp_path, 2, lambda path: record(path, rate=24414))
        record(tmp_path / "YAF_angry" / "YAF_germ_angry.wav", rate=24414, format="AIFF", subtype="PCM_16")
        record(tmp_path / "YAF_fear" / "YAF_neat_fear.wav", rate=96000)
        result = check("tess", tmp_path)
        assert result["n_utterances"] == 30 and not result["bad_files"]
        assert result["sample_rates"] == {"24414": 29, "96000": 1}


class TestByTable:
    """DES and MES, of which no layout is published."""

    @staticmethod
    def write(folder, rows):
        for i in range(len(rows)):
            touch(folder / f"{i}.wav")
        lines = [f"{i}.wav,{row}" for i, row in enumerate(rows)]
        (folder / "manifest.csv").write_text("\n".join(["path,emotion,speaker", *lines]) + "\n")
        return folder

    @pytest.mark.parametrize("name", ["des", "mes"])
    def test_a_table_makes_the_corpus(self, tmp_path, name):
        self.write(tmp_path, ["angry,F1", "Surprise,M1"])
        utterances = corpora.read(name, tmp_path)
        assert [(u.emotion, u.speaker, u.corpus) for u in utterances] == [
            ("anger", f"{name}/F1", name),
            ("surprise", f"{name}/M1", name),
        ]
        (tmp_path / "manifest.csv").unlink()
        with pytest.raises(NotThisCorpus, match=f"is not {name.upper()}.*manifest.csv"):
            corpora.read(name, tmp_path)

    def test_des_is_held_against_what_is_known(self, tmp_path):
        self.write(tmp_path, ["angry,1", "fear,1"])
        with pytest.raises(SerKerasError, match="1.wav is said to be fear; DES has anger, happiness"):
            corpora.read("des", tmp_path)
        self.write(tmp_path, [f"angry,{i}" for i in range(5)])
        with pytest.raises(SerKerasError, match="names 5 speakers; DES has 4"):
            corpora.read("des", tmp_path)


def test_folders_that_cannot_be_listed_are_passed_over_below_the_named_one(tmp_path):
    def holds(folder):
        if folder.name == "private":
            raise SerKerasError(f"{folder}: can't be listed (Permission denied)")
        return folder.name == "wanted"

    (tmp_path / "private").mkdir()
    (tmp_path / "z" / "wanted" / "wanted").mkdir(parents=True)
    assert find_folder(tmp_path, holds) == tmp_path / "z" / "wanted"
    assert find_folder(tmp_path / "nowhere", holds) == tmp_path / "nowhere"
    with pytest.raises(SerKerasError, match="can't be listed"):
        find_folder(tmp_path / "private", holds)


def test_each_is_recognised_when_given_under_another_name(tmp_path):
    TestEnterface.make(tmp_path / "enterface", (1,))
    TestIemocap().make(tmp_path / "iemocap")
    TestCasia.make(tmp_path / "casia", ("wangzhe",), (201,))
    touch(tmp_path / "cremad" / "1001_IEO_ANG_HI.wav")
    TestTess().make(tmp_path / "tess", 1)
    for name in ("enterface", "iemocap", "casia", "cremad", "tess"):
        with pytest.raises(NotThisCorpus, match=f"it reads as {name}: try {name}="):
            corpora.read("emodb", tmp_path / name)
        for other in {n for n, reader in corpora.CORPORA.items() if reader.recognisable} - {name}:
            with pytest.raises(NotThisCorpus):
                corpora.read(other, tmp_path / name)
