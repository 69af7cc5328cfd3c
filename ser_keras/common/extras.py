"""Which extra of the package brings what is not installed."""

from __future__ import annotations

EXTRAS = {
    "ai_edge_quantizer": "export",
    "flatbuffers": "export",
    "espeakng_loader": "demo",
    "keras_tuner": "tune",
    "grpc": "tune",
}
"""Package -> the extra that brings it; any other package comes with those of training."""


def missing_package(package: str | None) -> str:
    """The line about a package that is not installed, and how to get it."""
    extra = EXTRAS.get((package or "").partition(".")[0], "train-cpu")
    return (
        f"this needs the package '{package}': pip install 'ser-keras[{extra}]' (train instead of train-cpu for a GPU)"
    )
