"""Faces: pictures of an utterance's video as features, alone or beside its sound.

The design. An utterance whose `path` is a video goes through the experiment like any other: its sound is decoded, and
decides its length, its hash and the windows' times. A recipe whose `frontend` is one of `FACE_FRONT_ENDS` has its
pictures read too (`watch.watch`), right after decoding and before folds are made, so that a video that can't be used
is skipped and listed as a bad sound file is. Which frames are read follows from (seed, the file's content): random ones
for `face_frames`, the one nearest to the middle of each chunk for `audio_visual`. They stay in the cache as 8-bit
pixels, keyed by content and frame numbers, and `training.data.faces` gives them to training and evaluation as
`Material`: a row a frame (`face_frames`), or a row a chunk that holds the sound's features and behind them the frame
(`audio_visual`). Folds, training, tables and reports are those of all rows. Phones hear sound alone: such runs can't be
exported.

Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.2, figure 1.
"""

from ser_keras.features.faces.frontends import AudioVisual, FaceFrames, FaceFrontEnd

FACE_FRONT_ENDS: dict[str, type[FaceFrontEnd]] = {"audio_visual": AudioVisual, "face_frames": FaceFrames}
