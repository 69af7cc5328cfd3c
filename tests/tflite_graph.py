"""What a .tflite file holds, read without an interpreter."""

from ai_edge_litert import schema_py_generated as schema

KINDS = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


def operations(content: bytes) -> list[tuple[str, str]]:
    """Kind, and name of the first output, of every operation of the main graph."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph, codes = model.subgraphs[0], model.operatorCodes
    return [
        (KINDS[codes[operator.opcodeIndex].builtinCode], graph.tensors[operator.outputs[0]].name.decode())
        for operator in graph.operators
    ]
