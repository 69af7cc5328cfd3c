"""Sequence classifiers online: one chunk at a time, the state carried on by the caller."""

import keras

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.per_chunk import PerChunk


def step_model(classifier: keras.Model) -> keras.Model:
    """One step of a sequence classifier: after each chunk it gives the whole classifier's output on the prefix.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 5 ("in an online manner").

    Args:
        classifier: sequence classifier with one unidirectional LSTM; its weights are shared, not copied.

    Returns:
        A model: `[chunk [B, *input_shape], h [B, units], c [B, units]]` to
        `[probabilities [B, n_classes], h, c]`; h and c start as zeros.

    Raises:
        SerKerasError: the classifier sees single windows, or it is bidirectional.
    """
    layers = {type(layer): layer for layer in classifier.layers}
    if keras.layers.Bidirectional in layers:
        raise SerKerasError(
            f"{classifier.name} is bidirectional: its backward direction starts at the last chunk, so no chunk can be "
            "judged before the utterance ends; train with model.bidirectional=false to run online"
        )
    lstms = [layer for layer in classifier.layers if isinstance(layer, keras.layers.LSTM)]
    if PerChunk not in layers or len(lstms) != 1:
        raise SerKerasError(
            f"{classifier.name} has no state to carry from chunk to chunk: only a sequence classifier with one LSTM, "
            "such as anand2015_lstm, runs online"
        )
    per_chunk, lstm = layers[PerChunk].model, lstms[0]
    chunk = keras.Input(per_chunk.input_shape[1:], name="chunk")
    state = [keras.Input((lstm.units,), name=name) for name in ("h", "c")]
    output, (h, c) = lstm.cell(per_chunk(chunk), state)
    head = keras.Model(lstm.output, classifier.output, name="judge")
    return keras.Model([chunk, *state], [head(output), h, c], name="step")
