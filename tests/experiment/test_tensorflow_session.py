"""What an experiment changes in Keras and numpy is as it was once the experiment is over."""

import random

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment.settings import Experiment
from ser_keras.experiment.tensorflow_session import in_float32, tensorflow_session
from ser_keras.training import crossvalidation
from tests.made_corpus import write_corpus


@pytest.fixture(autouse=True)
def policy_of_somebody_else():
    """A user's own policy, which nothing of ours may change."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


def policy():
    return keras.config.dtype_policy().name


def mixed(*changes):
    return Experiment.from_recipe("anand2015.r2", ["training.mixed_precision=true", *changes])


def test_the_policy_is_restored_after_a_session_and_after_an_error():
    for experiment, name in ((mixed(), "mixed_float16"), (Experiment.from_recipe("anand2015.r2"), "float32")):
        with tensorflow_session(experiment):
            assert policy() == name
            with in_float32():
                assert policy() == "float32"
            assert policy() == name
        assert policy() == "mixed_bfloat16"
        with pytest.raises(ZeroDivisionError), tensorflow_session(experiment):
            raise ZeroDivisionError
        assert policy() == "mixed_bfloat16"


def test_a_session_within_another_gives_its_policy_back():
    with tensorflow_session(mixed()):
        with tensorflow_session(Experiment.from_recipe("anand2015.r2")):
            assert policy() == "float32"
        assert policy() == "mixed_float16"


def test_global_random_generators_go_on_where_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = random.Random(5).random(), np.random.RandomState(5).random()
    with tensorflow_session(mixed()):
        keras.utils.set_random_seed(0)
    assert (random.random(), np.random.random()) == expected


def test_a_run_that_is_refused_leaves_the_policy_as_it_was(tmp_path):
    corpus = [("manifest", write_corpus(tmp_path / "corpus", speakers=2, takes=1))]
    with pytest.raises(SerKerasError, match="anand2015"):
        crossvalidation.train(mixed("model.kernel=[64, 500]"), corpus, tmp_path / "run")
    assert policy() == "mixed_bfloat16"
