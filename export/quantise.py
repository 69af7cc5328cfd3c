"""A smaller classifier behind a float front end: quantising the front end destroys the features.

The default keeps int8 weights and computes in float. The quantiser's dynamic files are as small, hardly faster in
LiteRT, and off by up to .99 in a probability in tflite-runtime 2.14, without a word (`interpreter` refuses them there).
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ser_keras.common.errors import SerKerasError
from ser_keras.export.variants import INT8_WEIGHTS

if TYPE_CHECKING:
    from ai_edge_quantizer import recipe
    from numpy.typing import NDArray

FRONTEND_SCOPE = re.compile(r"(^|[/;])frontend(_\d+)?([/;]|$)")
# What a full-int8 classifier computes in float all the same: what goes in and comes out; softmax, whose int8
# probabilities come in steps of 1/256 and don't sum to 1; the square root, which tflite-runtime has in float alone.
KEPT_FLOAT = ("INPUT", "OUTPUT", "SOFTMAX", "SQRT")

# Operations with fewer weights keep them float. Of the shipped model that is a thirtieth of the file and spares three
# fifths of the error: the first and the last layer are small, and what int8 harms most.
SMALL = 2048


def quantise(content: bytes, variant: str = INT8_WEIGHTS, calibration: NDArray[np.float32] | None = None) -> bytes:
    """Store a classifier smaller.

    Args:
        content: bytes of a float32 `.tflite` whose front-end operations carry the layer name `frontend`.
        variant: a name in `variants.VARIANTS` but `float32`.
        calibration: for `int8` alone: float32 [n, N] windows of training audio, whose activations set the ranges.

    Returns:
        bytes of the smaller `.tflite`.

    Raises:
        SerKerasError: no operation of the model belongs to a layer `frontend`, or the quantiser isn't installed.
    """
    try:
        from ai_edge_quantizer import quantizer
    except ImportError:
        raise SerKerasError("int8 weights need the quantiser: pip install 'ser-keras[export]'") from None
    frontend = frontend_operations(content)
    if not frontend:
        raise SerKerasError("the model has no layer named 'frontend', so what must stay float isn't known")
    tool = quantizer.Quantizer(bytearray(content))
    tool.load_quantization_recipe(_recipe(variant))
    names = "|".join(re.escape(name) for name in sorted(frontend))
    tool.update_quantization_recipe(rf"(^|;)({names})(;|$)", "*", algorithm_key="no_quantize")
    measured = None
    # It prints a summary of sizes, and progress bars.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if variant == "int8":
            if calibration is None or not len(calibration):
                raise SerKerasError("no training audio is there that could set the ranges of its activations")
            for operation in KEPT_FLOAT:
                tool.update_quantization_recipe(".*", operation, algorithm_key="no_quantize")
            measured = tool.calibrate({"serving_default": [{"audio": window[None]} for window in calibration]})
        return bytes(tool.quantize(measured).quantized_model)


def _recipe(variant: str) -> recipe.ModelQuantizationRecipe:
    """The quantiser's recipe of a variant."""
    from ai_edge_quantizer import qtyping, recipe_manager

    manager, everything = recipe_manager.RecipeManager(), {"regex": ".*", "operation_name": "*"}
    if variant == "int8":
        manager.add_static_config(**everything, activation_num_bits=8, weight_num_bits=8)
    elif variant == "float16":
        manager.add_weight_only_config(**everything, num_bits=16, algorithm_key="float_casting")
    else:
        by_channel = qtyping.QuantGranularity.CHANNELWISE
        integer = variant == "dynamic"
        operation = qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=8, symmetric=True, granularity=by_channel),
            compute_precision=qtyping.ComputePrecision.INTEGER if integer else qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=not integer,
            min_weight_elements=SMALL,
        )
        manager.add_quantization_config(**everything, op_config=operation)
    return manager.get_quantization_recipe()


def frontend_operations(content: bytes) -> set[str]:
    """Names of the tensors that front-end operations put out.

    An operation belongs to the front end if its name says so or if one that does depends on it.
    """
    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    names = [tensor.name.decode("utf-8") for tensor in graph.tensors]
    frontend: set[str] = set()
    needed: set[int] = set()  # tensors that they take
    for operator in reversed(graph.operators):  # the file's order is an order of execution
        outputs = [int(t) for t in operator.outputs]
        if needed.intersection(outputs) or any(FRONTEND_SCOPE.search(names[t]) for t in outputs):
            frontend.update(names[t] for t in outputs)
            needed.update(int(t) for t in operator.inputs if t >= 0)
    return frontend
