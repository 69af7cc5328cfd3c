"""The embedded corpus: synthetic emotional speech, made by eSpeak NG at first use; determined by a seed.

It lets the whole way from audio to a checked model run anywhere, in minutes. It is not evidence about real speech.
"""

import contextlib
import glob
import hashlib
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import soundfile

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError, write_error
from ser_keras.common.progress import stage
from ser_keras.common.row_store import cache_folder
from ser_keras.corpora.corpus import Listing, NotThisCorpus, Published, Reader
from ser_keras.corpora.synthetic.espeak import speak
from ser_keras.corpora.synthetic.voices import EXPRESSIONS, SPEAKERS, job, record
from ser_keras.corpora.utterance import Utterance

Progress = Callable[[int, int], None]  # (utterances done, of how many)

VERSION = 1
INDEX = "corpus.json"

SENTENCES = (
    "The letters for the neighbours are lying on the kitchen table.",
    "The early train stops at every station on Wednesday.",
    "She put the blue umbrella behind the door this morning.",
    "My cousin is moving into the yellow house near the river.",
    "The man from the library called about the two missing books.",
    "Tomorrow I will bring the bicycle back to my brother.",
    "There are four new chairs in the room under the roof.",
    "He always leaves his keys beside the telephone.",
    "On Sunday we are driving to the lake with Martin and Helen.",
    "The water in the garden was turned off in the afternoon.",
)


def default_root() -> Path:
    """Where the corpus lies unless a path is given: `synthetic-v1` in SER_KERAS_CACHE or in the user's cache."""
    return cache_folder() / f"synthetic-v{VERSION}"


def read(root: str | Path) -> list[Utterance]:
    """The utterances of a folder; the corpus is synthesised there first (seed 0) if the folder is empty or new.

    Args:
        root: path of the folder.

    Returns:
        list of Utterance, sorted by name.

    Raises:
        NotThisCorpus: the folder holds something else.
        SerKerasError: it holds another version, or eSpeak NG is needed and isn't installed.
    """
    return scan(root).utterances


def scan(root: str | Path) -> Listing:
    """As `read`, with the files that the corpus should hold and doesn't: Listing."""
    root = Path(root).absolute()
    if not (root / INDEX).is_file():
        with stage("synthesising speech", READER.editions[0].n_utterances, "utterances") as advance:
            synthesise(root, progress=lambda done, total: advance())
    try:
        index = json.loads((root / INDEX).read_text(encoding="utf-8"))
        version = index["version"]
        utterances = [
            Utterance(
                path=str(root / entry["file"]),
                emotion=entry["emotion"],
                speaker=f"synthetic/{entry['speaker']}",
                corpus="synthetic",
                name=entry["file"],
                text=entry["text"],
                gender=entry["gender"],
            )
            for entry in index["files"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise NotThisCorpus("the synthetic corpus", root, READER.layout, f"another {INDEX}") from error
    if version != VERSION:
        raise SerKerasError(
            f"{root} holds version {version} of the synthetic corpus, this is version {VERSION}: "
            "name another folder, or delete that one and it is made anew"
        )
    bad_files = {u.name: "missing" for u in utterances if not Path(u.path).is_file()}
    return Listing(sorted((u for u in utterances if u.name not in bad_files), key=lambda u: u.name), bad_files)


def synthesise(root: str | Path, seed: int = 0, progress: Progress | None = None) -> None:
    """Make the corpus in a new or empty folder: all of it or nothing, whatever happens on the way.

    It grows in a hidden folder beside `root`, which is renamed when it is whole. Where another process is first,
    its corpus is kept.

    Args:
        root: path of the folder.
        seed: non-negative int; the same seed and eSpeak NG version give the same samples on one machine.
        progress: called as `progress(done, total)` after each utterance.

    Raises:
        NotThisCorpus: the folder holds something.
        SerKerasError: eSpeak NG isn't installed or failed, or the folder can't be written.
    """
    root = Path(root).resolve()
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise NotThisCorpus("the synthetic corpus", root, READER.layout)
        root.parent.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        growing = Path(tempfile.mkdtemp(prefix=f".{root.name}.", suffix=".partial", dir=root.parent))
        try:
            _fill(growing, seed, progress)
            growing.chmod(0o755)
            _rename(growing, root)
        finally:
            shutil.rmtree(growing, ignore_errors=True)
    except OSError as error:
        why = error.strerror or error
        raise write_error(f"the synthetic corpus can't be written to {root}: {why}", error) from error


def _rename(growing: Path, root: Path) -> None:
    """Put the whole corpus in its place, unless another process has put one there meanwhile."""
    try:
        if root.is_dir():
            root.rmdir()
        growing.rename(root)
    except OSError:
        if not (root / INDEX).is_file():
            raise


def _sweep(root: Path, age: float = 3600) -> None:
    """Remove what killed processes left beside `root`, an hour after they last wrote."""
    for left in root.parent.glob(f".{glob.escape(root.name)}.*.partial"):
        try:
            if time.time() - left.stat().st_mtime > age:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue


def _fill(folder: Path, seed: int, progress: Progress | None) -> None:
    """Synthesise every utterance into `folder`, and the index last."""
    plan = [(name, emotion, number) for name in SPEAKERS for emotion in EXPRESSIONS for number in range(len(SENTENCES))]
    jobs = [job(seed, name, emotion, number, SENTENCES[number]) for name, emotion, number in plan]
    files = []
    with contextlib.closing(speak(jobs)) as spoken:
        for done, ((name, emotion, number), (samples, rate)) in enumerate(zip(plan, spoken, strict=True), start=1):
            wav = io.BytesIO()
            wave = record(samples, rate, seed, name, emotion, number)
            soundfile.write(wav, wave, SAMPLE_RATE, format="WAV", subtype="PCM_16")
            file = f"{name}/{name}-t{number + 1:02d}-{emotion}.wav"
            (folder / name).mkdir(exist_ok=True)
            (folder / file).write_bytes(wav.getvalue())
            files.append(
                {
                    "file": file,
                    "speaker": name,
                    "gender": SPEAKERS[name].gender,
                    "emotion": emotion,
                    "text": SENTENCES[number],
                    "sha256": hashlib.sha256(wav.getvalue()).hexdigest(),
                }
            )
            if progress:
                progress(done, len(plan))
    index = {"corpus": READER.title, "version": VERSION, "seed": seed, "licence": READER.licence, "files": files}
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


READER = Reader(
    name="synthetic",
    title=f"ser-keras synthetic corpus, version {VERSION} (eSpeak NG; no human speech)",
    language="en",
    licence=(
        "made on this machine by ser-keras (Apache-2.0) with eSpeak NG (GPL-3.0-or-later: the program, not its output)"
    ),
    citation=(
        "Burkhardt, F. and Sendlmeier, W. F. (2000). Verification of acoustical correlates of emotional speech using "
        "formant-synthesis. ISCA Workshop on Speech and Emotion, Newcastle, Northern Ireland, 151-156."
    ),
    layout=f"a folder that ser-keras made ({INDEX} beside s01/ to s08/), or an empty or new one, which it then fills",
    editions=(
        Published(
            n_utterances=len(SPEAKERS) * len(SENTENCES) * len(EXPRESSIONS),
            n_speakers=len(SPEAKERS),
            emotions={emotion: len(SPEAKERS) * len(SENTENCES) for emotion in EXPRESSIONS},
        ),
    ),
    limits=(
        "Produced by a speech synthesiser: no human voice took part. Its figures say that the program works, "
        "and nothing about people."
    ),
    human=False,
    default_root=default_root,
    scan=scan,
)
