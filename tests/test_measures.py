"""`ser_keras.measures`: measures of anybody's arrays, without Keras."""

import subprocess
import sys

import numpy as np
import pytest

from ser_keras import evaluation, measures
from tests.messages import one_line

CLASSES = ["anger", "neutral", "fear"]


def test_it_holds_every_measure_and_interval_of_the_package():
    for name in measures.__all__:
        if name != "encode":
            assert getattr(measures, name) is getattr(evaluation, name)
    functions = {measure.function.__name__ for measure in measures.MEASURES.values()}
    assert functions <= set(measures.__all__) and "bootstrap_ci" in measures.__all__


def test_importing_it_needs_no_keras():
    code = "import sys, ser_keras.measures; sys.exit(bool({'keras', 'tensorflow', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_names_are_numbered_by_their_classes():
    names = ["fear", "anger", "anger"]
    for column in (names, tuple(names), np.array(names), np.array(names, object)):
        numbers = measures.encode(column, CLASSES)
        assert numbers.dtype == np.int64 and numbers.tolist() == [2, 0, 0]
    assert measures.encode([], CLASSES).shape == (0,)
    assert measures.uar(measures.encode(names, CLASSES), measures.encode(names, CLASSES), 3) == 1


def test_a_column_of_a_data_frame_is_numbered_whatever_its_index():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(["fear", "anger"], index=[7, 3], dtype="category")
    assert measures.encode(column, CLASSES).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("names", "classes", "text"),
    [
        (["anger", "angst"], CLASSES, "'angst' is none of the classes anger, neutral, fear"),
        ([None, "anger"], CLASSES, "'None' is none of the classes"),
        (["anger"], ["anger", "anger"], "a class is there twice"),
    ],
)
def test_names_that_are_no_class_give_one_line(names, classes, text):
    with pytest.raises(ValueError, match=text) as error:
        measures.encode(names, classes)
    one_line(error)
