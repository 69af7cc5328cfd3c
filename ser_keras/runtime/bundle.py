"""What a model's name stands for: bundle, `.tflite`, run or shipped model; its bytes, checked, and its settings."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import zipfile
from pathlib import Path

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.audio.windows import TAIL_RULES, TailRule
from ser_keras.common.errors import BadInput, Damaged, NotFound, nearest
from ser_keras.common.files import Json
from ser_keras.runtime.reach import reach_in_words

LICENCE = "LICENSE.md"  # in a bundle whose weights are under terms of their own
NOTICE = "NOTICE.md"  # in a bundle whose speech or sounds ask for credit
TERMS = (LICENCE, NOTICE)  # a bundle that has them is passed on with them alone
SCHEMA_VERSION = 1  # of bundle.json
DEFAULT_MODEL = "open"
APART = {"multi": "its weights are under CC BY-NC-SA 4.0, not for commercial use"}  # in the repository, in no wheel
PRETRAINED = Path(__file__).parents[1] / "pretrained"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How audio is cut for a model; every runtime reads them from `bundle.json`.

    Attributes:
        classes: names in the order of outputs.
        window_samples, hop_samples: at 16 kHz.
        tail_rule: as in `ser_keras.audio.windows.cut_windows`.
        speech_gate_dbfs: RMS level under which a window counts as silence (0 dBFS: a full-scale square wave);
            None: no gate.
        smoothing_s: time constant for displays of a running belief.
    """

    classes: tuple[str, ...]
    window_samples: int
    hop_samples: int
    _: dataclasses.KW_ONLY
    tail_rule: TailRule = "drop"
    speech_gate_dbfs: float | None = None
    smoothing_s: float = 0.0

    @classmethod
    def of_bundle(cls, info: Json) -> Settings:
        """From the content of a bundle.json; raises KeyError, TypeError or ValueError where that is no such thing."""
        if info["sample_rate"] != SAMPLE_RATE:
            raise ValueError(f"sample_rate is {info['sample_rate']}, only {SAMPLE_RATE} is supported")
        if info["tail_rule"] not in TAIL_RULES:
            raise ValueError(f"unknown tail_rule {info['tail_rule']!r}")
        gate = info["speech_gate_dbfs"]
        classes = tuple(map(str, info["classes"]))
        settings = cls(
            classes=classes,
            window_samples=int(info["window_samples"]),
            hop_samples=int(info["hop_samples"]),
            tail_rule=info["tail_rule"],
            speech_gate_dbfs=None if gate is None else float(gate),
            smoothing_s=float(info["smoothing_s"]),
        )
        whole = (settings.window_samples, settings.hop_samples)
        if min(whole) < 1 or whole != (info["window_samples"], info["hop_samples"]):
            raise ValueError("window_samples and hop_samples must be whole and at least 1")
        if not (math.isfinite(settings.smoothing_s) and settings.smoothing_s >= 0):
            raise ValueError(f"smoothing_s is {settings.smoothing_s}, it must be 0 or more")
        return settings


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A `.tflite` that was found and read.

    Attributes:
        path: where.
        content: its bytes.
        name: what results call it.
        settings: Settings from the bundle.json that vouches for the file by its checksum; None for a bare file.
        reach: sentences on how often it is right, by that bundle.json.
    """

    path: Path
    content: bytes
    name: str
    settings: Settings | None
    reach: str


def find(model: str | os.PathLike[str] | None = None) -> ModelFile:
    """Find and read a model.

    Args:
        model: None: the model that the package ships; or a shipped model's name, a bundle folder, a `.tflite` file,
            or a run directory that holds a bundle.

    Raises:
        NotFound: nothing is there.
        BadInput: what is there is no model, or one for a newer version of this package.
        Damaged: it does not match its checksum, or its bundle.json is none.
    """
    path = PRETRAINED / DEFAULT_MODEL if model is None else _locate(model)
    if path.is_dir():
        info = _read_bundle(path)
        path = path / info["default"]
    else:
        info = _read_bundle(path.parent) if (path.parent / "bundle.json").is_file() else {"files": {}}
    content = _read(path)
    listed = info["files"].get(path.name)
    if listed is None:
        return ModelFile(path, content, path.name, settings=None, reach=reach_in_words({}))
    if hashlib.sha256(content).hexdigest() != listed.get("sha256"):
        raise Damaged(
            f"{path} is damaged or was changed: it doesn't match its checksum in bundle.json; export or copy it again"
        )
    return ModelFile(
        path,
        content,
        f"{path.resolve().parent.name}/{path.name}",
        settings=_bundle_settings(path.parent, info),
        reach=reach_in_words({**info, "default": path.name}),
    )


def _locate(model: str | os.PathLike[str]) -> Path:
    """The bundle folder or `.tflite` file that `model` stands for."""
    path, name = Path(model), os.fspath(model)
    if path.is_file() or (path / "bundle.json").is_file():
        return path
    if (path / "experiment.yaml").is_file():
        if (path / "bundle" / "bundle.json").is_file():
            return path / "bundle"
        raise NotFound(
            f"{path} is a run that holds no bundle yet: make one with `ser-keras export {path} --out {path / 'bundle'}`"
        )
    shipped = sorted(p.parent.name for p in PRETRAINED.glob("*/bundle.json"))
    if name in shipped:  # a folder of this name that holds something else, such as the corpus, is not meant
        return PRETRAINED / name
    if name in APART:
        raise NotFound(
            f"the model '{name}' isn't part of the package ({APART[name]}): take the folder "
            f"ser_keras/pretrained/{name} from the project's repository and give its path"
        )
    if path.exists():
        raise BadInput(f"{path} is no model: it holds no bundle.json")
    raise NotFound(
        f"no model '{name}': give a .tflite file, a bundle, a run, or a shipped model's name "
        f"({nearest(name, shipped) if shipped else 'none is shipped'})"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        kind = NotFound if isinstance(error, FileNotFoundError) else BadInput
        raise kind(f"{path} can't be read: {error.strerror}") from None


def _read_bundle(folder: Path) -> Json:
    path = folder / "bundle.json"
    try:
        info = json.loads(_read(path))
        version = int(info["schema_version"])
        valid = isinstance(info["default"], str) and all(isinstance(e, dict) for e in info["files"].values())
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        valid, version = False, 0
    if not valid or version < 1:
        raise Damaged(f"{path} is damaged: no schema_version, default and files in it; export the bundle again")
    if version > SCHEMA_VERSION:
        raise BadInput(f"{path} has schema version {version}, this ser-keras reads {SCHEMA_VERSION}: update ser-keras")
    return info


def _bundle_settings(folder: Path, info: Json) -> Settings:
    try:
        return Settings.of_bundle(info)
    except KeyError as error:
        raise Damaged(f"{folder / 'bundle.json'} lacks {error}; export the bundle again") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise Damaged(f"{folder / 'bundle.json'} is damaged: {error}") from None


def embedded_settings(file: ModelFile, window_samples: int) -> Settings:
    """Settings of a file that no bundle describes: labels from its metadata, windows that overlap by half.

    Args:
        file: the file.
        window_samples: what its input takes.

    Raises:
        BadInput: it carries no labels.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            labels = archive.read("labels.txt").decode("utf-8").splitlines()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
        raise BadInput(
            f"{file.path} carries no readable labels.txt and no bundle.json that lists it lies beside it, "
            "so nobody knows what its outputs mean"
        ) from None
    return Settings(tuple(labels), window_samples, max(1, window_samples // 2))
