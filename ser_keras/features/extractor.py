"""What every extractor of features is: one base class, and the shapes of what extractors give."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from ser_keras.common import plugins


@dataclasses.dataclass(frozen=True)
class JoinedShape(Sequence[int]):
    """The shape of rows that hold several arrays, flattened, one behind the other: one axis, whose parts are known.

    It serves wherever a shape of one axis does: `(*shape,)` is `(size,)`.

    Attributes:
        parts: the arrays' shapes.
    """

    parts: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Values in a row."""
        return sum(math.prod(part) for part in self.parts)

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...

    def __getitem__(self, index: int | slice) -> int | tuple[int, ...]:
        return (self.size,)[index]


FeatureShape = tuple[int, ...] | JoinedShape


class Extractor:
    """Audio (or pictures) to features: what front ends, descriptor sets and face front ends have in common.

    The contract:

    - An extractor is a pure function of its settings, which `get_config` gives in full: nothing is learnt, nothing is
      random, and a row's features do not depend on its neighbours. `VERSION` goes up when the same settings would give
      other values, so that cached features are computed again.
    - `takes` "window": called with float32 windows [n, N] at 16 kHz in [-1, 1], it gives features [n, ...].
      `takes` "utterance": called with all samples [N] of an utterance, it gives rows [T, ...] (T = 1 for functionals),
      and `row_starts` says where they begin.
    - `sees` "sound": it is called with samples. `sees` "pictures" and "both": it is not called; it says which frames
      of a video are read and in which shape (`choose`, `read`), and `training.data.faces` joins them to the sound.
    - `compute_output_shape` maps the shape of a batch of windows [n, N] to that of their features.
    - `in_graph`: it is a Keras layer, which becomes a part of the exported model.

    A class says what it takes and is, so that its registry entry can be asked before anything is built.
    """

    VERSION: ClassVar[int | str] = 1
    in_graph: ClassVar[bool] = False
    takes: ClassVar[Literal["window", "utterance"]] = "window"
    sees: ClassVar[Literal["sound", "pictures", "both"]] = "sound"
    XLA: ClassVar[bool] = False  # of front ends: whether XLA makes them faster on a CPU (benchmarks/frontends.py)

    def get_config(self) -> dict[str, object]:
        """All settings: `type(extractor)(**extractor.get_config())` gives the same features."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the features of windows [n, N]; n may be None, and so may N where utterances are taken."""
        raise NotImplementedError

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of windows [n, N], or of an utterance [N]: see `takes`."""
        raise NotImplementedError

    def row_starts(self, n_samples: int) -> NDArray[np.int64]:
        """First sample of each row of an utterance, [T]; for extractors that take utterances, which by default have one
        row."""
        return np.zeros(1, np.int64)

    def feature_shape(self, window: int) -> FeatureShape:
        """The shape of one row of features.

        Args:
            window: samples in a window; whatever takes utterances has none.
        """
        length = window if self.takes == "window" else None
        # The batch alone is of unknown size.
        return cast("tuple[int, ...]", tuple(self.compute_output_shape((None, length))[1:]))

    def identity(self) -> list[object]:
        """What decides the values, as plain data: a part of the cache's keys, which must not change."""
        config = {key: value for key, value in self.get_config().items() if key not in ("name", "trainable")}
        digest = plugins.source_digest(type(self).__module__)  # one's own: nobody raises its VERSION at each change
        return [config, type(self).__name__, self.VERSION, *([] if digest is None else [type(self).__module__, digest])]
