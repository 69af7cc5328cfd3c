"""TFLite metadata (schema "M001"): what the input is, what the outputs mean; read by MediaPipe and others.

The flatbuffer is laid by hand, slot by slot: the writers that exist (tflite-support, mediapipe) don't install beside
TensorFlow. Schema: `metadata_schema.fbs` of tflite-support, whose field order the slots below follow.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError

LABELS_FILE = "labels.txt"
BUFFER_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER_VERSION = "1.3.0"  # the first that knows AudioProperties
TENSOR_AXIS_LABELS = 2  # AssociatedFileType
AUDIO_PROPERTIES = 4  # ContentProperties
ALIGNMENT = 16  # bytes; the schema's force_align of buffers, which the Python writer forgets

# slots of the tables
MODEL = {"name": 0, "description": 1, "version": 2, "subgraphs": 3, "author": 4, "licence": 5, "parser_version": 7}
SUBGRAPH = {"inputs": 2, "outputs": 3}
TENSOR = {"name": 0, "description": 1, "content": 3, "files": 6}
CONTENT = {"type": 0, "properties": 1}
AUDIO = {"sample_rate": 0, "channels": 1}
FILE = {"name": 0, "description": 1, "type": 2}


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a `.tflite` says of itself.

    Attributes:
        name: of the model.
        description: of the model, for people.
        version: of the program that made it.
        author: of the program.
        licence: the terms of the weights.
        labels: class names in the order of outputs.
        sample_rate: Hz.
        channels: of the input.
        parser_version: the oldest parser that understands all of it.
    """

    name: str
    description: str
    version: str
    _: dataclasses.KW_ONLY
    author: str
    licence: str
    labels: tuple[str, ...]
    sample_rate: int = SAMPLE_RATE
    channels: int = 1
    parser_version: str = PARSER_VERSION


def with_metadata(content: bytes, metadata: Metadata) -> bytes:
    """Embed metadata in a model and append the label file that it names.

    Args:
        content: bytes of a `.tflite` with one input and one output.
        metadata: what it is to say of itself.

    Returns:
        The same model, its buffers aligned to 16 bytes, its inner tensors without names, with a zip of
        `labels.txt` after it.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    _drop_names(model)
    others = [m for m in model.metadata or [] if m.name != BUFFER_NAME.encode()]
    entry = schema.MetadataT(name=BUFFER_NAME, buffer=len(model.buffers))
    model.metadata = [*others, entry]
    packed = [_AlignedBuffer(_data(b, content)) for b in model.buffers]
    model.buffers = [*packed, _AlignedBuffer(_build(metadata))]
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    stream = io.BytesIO(bytes(builder.Output()))
    # Stored, not deflated, and with a fixed date: readers map the file, and equal models give equal bytes.
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), "\n".join(metadata.labels) + "\n")
    return stream.getvalue()


def _drop_names(model: schema.ModelT) -> None:
    """Nobody needs the names of tensors within the graph; an unrolled recurrence has thousands of long ones."""
    for graph in model.subgraphs:
        ends = {*map(int, graph.inputs), *map(int, graph.outputs)}
        for number, tensor in enumerate(graph.tensors):
            if number not in ends:
                tensor.name = None


def _data(buffer: schema.BufferT, content: bytes) -> bytes | None:
    """A buffer's bytes; writers may put them behind the flatbuffer, at an offset that rewriting it would shift."""
    if (buffer.offset or 0) > 1:  # 0 and 1 stand for "within"
        return content[buffer.offset : buffer.offset + buffer.size]
    return None if buffer.data is None else bytes(buffer.data)


class _AlignedBuffer(schema.BufferT):
    """A buffer whose data begin at a multiple of 16 bytes, as the schema asks (runtimes map weights in place)."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the generated code's name
        vector = None
        if self.data is not None:
            data = bytes(self.data)
            builder.StartVector(1, len(data), ALIGNMENT)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class _Offset(int):
    """The place of a table or vector that is already in the builder."""


class _UInt(int):
    """A 32-bit unsigned field; plain ints are enum bytes."""


def _build(metadata: Metadata) -> bytes:
    """The metadata flatbuffer."""
    b = flatbuffers.Builder(1024)
    labels = _table(
        b, 5, FILE, name=LABELS_FILE, description="class names in the order of outputs", type=TENSOR_AXIS_LABELS
    )
    properties = _table(b, 2, AUDIO, sample_rate=_UInt(metadata.sample_rate), channels=_UInt(metadata.channels))
    content = _table(b, 3, CONTENT, type=AUDIO_PROPERTIES, properties=properties)
    audio = _table(b, 7, TENSOR, name="audio", description="one window of mono samples in [-1, 1]", content=content)
    probabilities = _table(
        b, 7, TENSOR, name="probabilities", description="softmax over the labels", files=_vector(b, [labels])
    )
    subgraph = _table(b, 10, SUBGRAPH, inputs=_vector(b, [audio]), outputs=_vector(b, [probabilities]))
    root = _table(
        b,
        8,
        MODEL,
        name=metadata.name,
        description=metadata.description,
        version=metadata.version,
        subgraphs=_vector(b, [subgraph]),
        author=metadata.author,
        licence=metadata.licence,
        parser_version=metadata.parser_version,
    )
    b.Finish(root, file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _table(builder: flatbuffers.Builder, n_slots: int, slots: Mapping[str, int], **fields: str | int) -> _Offset:
    """Write one table; strings are written first, since tables can't nest."""
    values = {k: _Offset(builder.CreateString(v)) if isinstance(v, str) else v for k, v in fields.items()}
    builder.StartObject(n_slots)
    for field, value in values.items():
        if isinstance(value, _Offset):
            builder.PrependUOffsetTRelativeSlot(slots[field], value, 0)
        elif isinstance(value, _UInt):
            builder.PrependUint32Slot(slots[field], value, 0)
        else:
            builder.PrependUint8Slot(slots[field], value, 0)
    return _Offset(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[_Offset]) -> _Offset:
    """Write a list of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return _Offset(builder.EndVector())


def read_metadata(path: str | Path) -> Metadata:
    """The metadata of a `.tflite` file.

    Raises:
        SerKerasError: the file has none, or can't be read.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
        model = schema.Model.GetRootAs(content, 0)
        entries = {model.Metadata(i).Name(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
        data = bytes(model.Buffers(entries[BUFFER_NAME.encode()]).DataAsNumpy())
        if data[4:8] != IDENTIFIER:
            raise ValueError("unknown schema")
        root = _Reader(data, int.from_bytes(data[:4], "little"))
        subgraph = root.first(MODEL["subgraphs"])
        properties = subgraph.first(SUBGRAPH["inputs"]).child(TENSOR["content"]).child(CONTENT["properties"])
        labels_file = subgraph.first(SUBGRAPH["outputs"]).first(TENSOR["files"]).text(FILE["name"])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            labels = archive.read(labels_file).decode("utf-8").splitlines()
        return Metadata(
            root.text(MODEL["name"]),
            root.text(MODEL["description"]),
            root.text(MODEL["version"]),
            author=root.text(MODEL["author"]),
            licence=root.text(MODEL["licence"]),
            labels=tuple(labels),
            sample_rate=properties.uint(AUDIO["sample_rate"]),
            channels=properties.uint(AUDIO["channels"]),
            parser_version=root.text(MODEL["parser_version"]),
        )
    except OSError as error:
        raise SerKerasError(f"{path} can't be read: {error.strerror}") from None
    except Exception as error:  # a damaged flatbuffer fails in any way there is
        raise SerKerasError(f"{path} holds no readable TFLite metadata ({type(error).__name__})") from None


class _Reader:
    """One table of a flatbuffer, read by slot."""

    def __init__(self, data: bytes, position: int) -> None:
        self._table = Table(data, position)

    def _field(self, slot: int) -> int:
        """The position of a field."""
        offset = self._table.Offset(4 + 2 * slot)
        if not offset:
            raise ValueError(f"slot {slot} is empty")
        return self._table.Pos + offset

    def text(self, slot: int) -> str:
        return self._table.String(self._field(slot)).decode("utf-8")

    def uint(self, slot: int) -> int:
        return self._table.Get(number_types.Uint32Flags, self._field(slot))

    def child(self, slot: int) -> _Reader:
        """The table that a field holds."""
        return _Reader(self._table.Bytes, self._table.Indirect(self._field(slot)))

    def first(self, slot: int) -> _Reader:
        """The first table of the list that a field holds."""
        start = self._table.Vector(self._field(slot) - self._table.Pos)
        return _Reader(self._table.Bytes, self._table.Indirect(start))
