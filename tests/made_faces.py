"""Small generated clips: a drawn face whose mouth and brows show the class, and a sound that doesn't."""

import csv

import numpy as np

from tests.made_corpus import SAMPLE_RATE, vowel

RATE = 25  # frames a second
SIZE = (96, 72)  # columns, rows
# (curve of the mouth, slant of the brows): what tells the classes apart
EXPRESSIONS = {"anger": (0.0, 6), "happiness": (-7.0, 0), "sadness": (7.0, -4)}


def face(emotion, skin, centre, radius):
    """uint8 [rows, columns, 3] RGB: a round face on grey."""
    import cv2

    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    cv2.circle(picture, centre, radius, skin, -1)
    curve, slant = EXPRESSIONS[emotion]
    x = np.arange(-9, 10)
    mouth = np.stack([centre[0] + x, centre[1] + 12 + curve * (np.square(x / 9) - 0.5)], axis=1)
    cv2.polylines(picture, [np.round(mouth).astype(np.int32)], False, (30, 20, 20), 2)
    for side in (-1, 1):
        eye = (centre[0] + side * 9, centre[1] - 6)
        cv2.circle(picture, eye, 2, (20, 20, 20), -1)
        inner, outer = (eye[0] - side * 4, eye[1] - 6 + slant // 2), (eye[0] + side * 4, eye[1] - 6 - slant // 2)
        cv2.line(picture, inner, outer, (30, 20, 20), 2)
    return picture


def write_clip(path, pictures, sound=None, rate=RATE):
    """An .avi of MJPEG pictures [n, rows, columns, 3] and 16-bit PCM sound (float [n] in [-1, 1]) or none."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=rate)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuvj420p"
        video.options = {"q:v": "2"}
        speech = None
        if sound is not None:
            speech = container.add_stream("pcm_s16le", rate=SAMPLE_RATE)
            speech.layout = "mono"
        n = SAMPLE_RATE // rate
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = i
            container.mux(video.encode(frame))
            part = None if sound is None else sound[i * n : (i + 1) * n]
            if part is not None and len(part):
                heard = (part * 32767).astype(np.int16)[None]
                samples = av.AudioFrame.from_ndarray(heard, format="s16", layout="mono")
                samples.sample_rate, samples.pts = SAMPLE_RATE, i * n
                container.mux(speech.encode(samples))
        for stream in filter(None, (video, speech)):
            container.mux(stream.encode())


def write_video_corpus(folder, speakers=4, takes=3, seconds=(1.2, 1.7), seed=0, shuffled=False):
    """Write clips and `manifest.csv`, whose path is returned; `shuffled` gives them emotions that nothing shows."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for s in range(speakers):
        skin = tuple(int(v) for v in rng.integers(150, 230, 3))
        for emotion in EXPRESSIONS:
            for take in range(takes):
                n = int(rng.uniform(*seconds) * RATE)
                centre = np.array([SIZE[0] // 2, SIZE[1] // 2]) + rng.integers(-2, 3, 2)
                pictures = [
                    face(emotion, skin, tuple((centre + rng.integers(-1, 2, 2)).tolist()), 28) for _ in range(n)
                ]
                sound = vowel(rng.uniform(90, 220), 0.4, n / RATE, rng)
                name = f"s{s}_{emotion}_{take}.avi"
                write_clip(folder / name, pictures, sound)
                rows.append({"path": name, "emotion": emotion, "speaker": f"s{s}", "gender": ("male", "female")[s % 2]})
    if shuffled:
        for row, emotion in zip(rows, rng.permutation([r["emotion"] for r in rows]), strict=True):
            row["emotion"] = emotion
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"
