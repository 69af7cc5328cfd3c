"""Names of emotions."""

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.emotions import EMOTION_ALIASES, EMOTIONS, canonical_emotion


class TestEmotions:
    def test_aliases_are_canonical_and_no_canonical_name_is_an_alias(self):
        assert set(EMOTION_ALIASES.values()) <= set(EMOTIONS)
        assert not set(EMOTION_ALIASES) & set(EMOTIONS)

    @pytest.mark.parametrize(
        "written, meant",
        [("anger", "anger"), ("Angry", "anger"), (" HAPPY ", "happiness"), ("pleasant_surprise", "surprise")],
    )
    def test_words(self, written, meant):
        assert canonical_emotion(written) == meant

    def test_unknown_word_names_the_nearest(self):
        with pytest.raises(SerKerasError, match="nearest: .*sadness"):
            canonical_emotion("sadnes")
