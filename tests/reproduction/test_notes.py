"""The notes beneath a table of rows."""

import types

from ser_keras.reproduction import notes, rows


def test_notes_beneath_a_table():
    def done(row_id, value, derived=(), selected=0):
        said = {"has_metrics": True, "metrics": {"selection_overlap": selected}, "derived_from_class": list(derived)}
        return types.SimpleNamespace(row=rows.table()[row_id], metric=types.SimpleNamespace(value=value), **said)

    single = [done("neumann2016.logmel", 0.50), done("neumann2016.mfcc", 0.60)]
    several = [done("neumann2016.logmel_mtl", 0.51, ["emodb"]), done("neumann2016.mfcc_mtl", 0.57, ["emodb"])]
    assert notes.notes(single) == []
    assert notes.notes([*single, several[0]])[1:] == []
    assert notes.notes([*single, *several]) == [
        "activation and valence of emodb are derived from the class: neumann2016.logmel_mtl, neumann2016.mfcc_mtl",
        "spread of WA over 2 sets of features: 8.0 points; over single and multi-task nets: 2.0 points "
        "(means over the other)",
    ]
    assert notes.notes([done("he2019.exp1", 0.5), done("he2019.exp4", 0.5, selected=535)]) == [
        "chosen with an eye on test speakers, figures may be too good: he2019.exp4"
    ]
