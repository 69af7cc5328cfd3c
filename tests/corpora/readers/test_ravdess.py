"""The reader of RAVDESS."""

from ser_keras import corpora
from tests.corpora.made_folders import make_ravdess, record


class TestRavdess:
    def test_names(self, tmp_path):
        utterances = corpora.read("ravdess", make_ravdess(tmp_path))
        assert len(utterances) == 45
        by_name = {u.name: u for u in utterances}
        calm = by_name["Actor_02/03-01-02-02-01-02-02.wav"]
        assert (calm.emotion, calm.speaker, calm.gender) == ("calm", "ravdess/02", "female")
        assert (calm.text, calm.intensity) == ("01", "strong")
        assert by_name["Actor_07/03-01-06-01-01-02-07.wav"].gender == "male"

    def test_song_and_video_are_passed_over_with_a_count(self, tmp_path):
        make_ravdess(tmp_path)
        for name in ("03-02-01-01-01-01-01.wav", "03-02-03-01-01-01-01.wav", "01-01-03-01-01-01-01.mp4"):
            (tmp_path / "Actor_01" / name).write_bytes(b"")
        listing = corpora.scan("ravdess", tmp_path)
        assert len(listing.utterances) == 45 and not listing.bad_files
        assert listing.notes == ["2 song files passed over", "1 video files passed over"]

    def test_unpacked_archives_side_by_side(self, tmp_path):
        make_ravdess(tmp_path / "Audio_Speech_Actors_01-24")
        song = tmp_path / "Audio_Song_Actors_01-24" / "Actor_01"
        song.mkdir(parents=True)
        (song / "03-02-01-01-01-01-01.wav").write_bytes(b"")
        assert len(corpora.read("ravdess", tmp_path)) == 45

    def test_a_copy_that_holds_everything_twice(self, tmp_path):
        make_ravdess(tmp_path)
        make_ravdess(tmp_path / "audio_speech_actors_01-24")
        listing = corpora.scan("ravdess", tmp_path)
        assert len(listing.utterances) == 45 and not listing.bad_files

    def test_one_actor(self, tmp_path):
        make_ravdess(tmp_path)
        assert {u.speaker for u in corpora.read("ravdess", tmp_path / "Actor_07")} == {"ravdess/07"}

    def test_bad_names(self, tmp_path):
        make_ravdess(tmp_path)
        names = ("03-01-09-01-01-01-01", "03-01-03-01-01-01-02", "03-01-03-03-01-01-01", "03-01-03-01-01-01-25", "x")
        for name in names:
            record(tmp_path / "Actor_01" / f"{name}.wav")
        assert corpora.scan("ravdess", tmp_path).bad_files.keys() == {f"Actor_01/{name}.wav" for name in names}
