"""What the tests of this room share."""

import types

import pytest

from ser_keras.reproduction import plan, running
from tests.made_corpus import write_corpus
from tests.reproduction.made_rows import fake_run, made_table


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return [("manifest", write_corpus(tmp_path_factory.mktemp("reproduced"), speakers=2, takes=2))]


@pytest.fixture
def fakes(monkeypatch):
    """Training replaced: rows get made tables; `fakes.calls` says which were trained, `fakes.refuse` which fail how."""
    state = types.SimpleNamespace(calls=[], refuse={})

    def train(experiment, corpora, out, resume, refit):
        assert resume
        assert not refit
        state.calls.append((experiment.recipe, experiment.protocol.name))
        if experiment.recipe in state.refuse:
            raise state.refuse[experiment.recipe]
        skill = {"anand2015.r1": 0.6, "anand2015.r7": 0.95}.get(experiment.recipe, 0.5)
        fake_run(out, experiment, made_table(skill, len(state.calls)))

    monkeypatch.setattr(running.crossvalidation, "train", train)
    monkeypatch.setattr(running.keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(plan.estimates, "estimate", lambda experiment, corpora, out: 90.0)
    return state
