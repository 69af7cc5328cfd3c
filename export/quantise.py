"""int8 weights for the classifier; the front end stays float, since quantising it destroys the features.

Weight-only: weights are int8 in the file and float in the arithmetic. Measured on 59 windows of EMO-DB through two
untrained models, largest change of a probability: weight-only .001 and .004, in both runtimes; the quantiser's dynamic
files .002 and .006 in LiteRT, no faster, and .09 and .5 in tflite-runtime 2.14, without a word.
"""

import contextlib
import io
import re

from ai_edge_litert import schema_py_generated as schema

from ser_keras.errors import SerKerasError

FRONTEND_SCOPE = re.compile(r"(^|[/;])frontend(_\d+)?([/;]|$)")


def quantise(content):
    """Store the classifier's weights as int8, a scale a channel.

    Args:
        content: bytes of a float32 `.tflite` whose front-end operations carry the layer name `frontend`.

    Returns:
        bytes of the smaller `.tflite`.

    Raises:
        SerKerasError: no operation of the model belongs to a layer `frontend`, or the quantiser isn't installed.
    """
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ImportError:
        raise SerKerasError("int8 weights need the quantiser: pip install 'ser-keras[export]'") from None
    frontend = frontend_operations(content)
    if not frontend:
        raise SerKerasError("the model has no layer named 'frontend', so what must stay float isn't known")
    tool = quantizer.Quantizer(bytearray(content))
    tool.load_quantization_recipe(recipe.weight_only_wi8_afp32())
    names = "|".join(re.escape(name) for name in sorted(frontend))
    tool.update_quantization_recipe(rf"(^|;)({names})(;|$)", "*", algorithm_key="no_quantize")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a summary of sizes
        return bytes(tool.quantize().quantized_model)


def frontend_operations(content):
    """Names of the tensors that front-end operations put out.

    An operation belongs to the front end if its name says so or if one that does depends on it.

    Args:
        content: bytes of a `.tflite`.

    Returns:
        set of str.
    """
    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    names = [tensor.name.decode("utf-8") for tensor in graph.tensors]
    found, needed = set(), set()
    for operator in reversed(graph.operators):  # the file's order is an order of execution
        outputs = [int(t) for t in operator.outputs]
        if needed.intersection(outputs) or any(FRONTEND_SCOPE.search(names[t]) for t in outputs):
            found.update(names[t] for t in outputs)
            needed.update(int(t) for t in operator.inputs if t >= 0)
    return found
