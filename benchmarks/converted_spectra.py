"""Converted front ends with spectra by matrix products against the same with LiteRT's RFFT2D: processor time a window.

python benchmarks/converted_spectra.py [--repeats N] [--out FILE]

One thread in LiteRT; both files of a front end run in turn, after checking that they give the same.
"""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np

WINDOW = 64000
TOLERANCE = 2e-2  # of a logarithm, in bins 100 dB below the loudest


def converted(layer, products):
    """LiteRT's interpreter of a front end, and the size of its file in bytes."""
    import keras
    from ai_edge_litert.interpreter import Interpreter

    from ser_keras.export.convert import to_tflite
    from ser_keras.features.frontends.fourier import by_products

    inputs = keras.Input((WINDOW,))
    model = keras.Model(inputs, keras.layers.Flatten()(layer(inputs)))
    way = by_products if products else contextlib.nullcontext
    with mock.patch("ser_keras.features.frontends.fourier.by_products", way):
        content = to_tflite(model)
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter, len(content)


def run(interpreter, window):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100, help="windows a reading (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ser_keras.features.frontends import FRONT_ENDS
    from ser_keras.runtime.benchmark import machine

    rng = np.random.default_rng(0)
    window = (0.1 * rng.standard_normal((1, WINDOW))).astype(np.float32)
    lines = [
        f"{machine()}; LiteRT, one thread; processor time a window of 4 s, medians of {args.repeats} in turn.",
        "",
        "| front end | RFFT2D, ms | products, ms | ratio | KB | KB | difference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, settings in (("statistics", {"track_ms": 20}), ("statistics", {}), ("log_mel", {}), ("mfcc", {})):
        ways = [converted(FRONT_ENDS[name](**settings), products) for products in (False, True)]
        difference = np.abs(run(ways[0][0], window) - run(ways[1][0], window)).max()
        if not difference <= TOLERANCE:
            sys.exit(f"{name}: the two differ by {difference:.2g}: nothing to time")
        seconds = ([], [])
        for _ in range(args.repeats):
            for (interpreter, _), taken in zip(ways, seconds, strict=True):
                start = time.process_time()
                run(interpreter, window)
                taken.append(time.process_time() - start)
        slow, fast = (1000 * float(np.median(taken)) for taken in seconds)
        sizes = " | ".join(f"{size / 1000:.0f}" for _, size in ways)
        lines.append(
            f"| `{name}`{' with tracks' if settings else ''} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} | {sizes} "
            f"| {difference:.1e} |"
        )
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(table)


if __name__ == "__main__":
    main()
