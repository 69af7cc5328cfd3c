"""`ser-keras demo` loses nothing of what it finds (that it works whole is `make demo`)."""

import pytest

from ser_keras.cli.demo import RECIPE, demo
from ser_keras.common.errors import SerKerasError
from tests.made_corpus import write_corpus


@pytest.mark.parametrize(
    ("recipe", "line"), [(RECIPE, "protocol.folds=4, but there are 2 speakers"), ("statistics", "a run of statistics")]
)
def test_what_can_t_be_made_anew_is_kept(tmp_path, recipe, line):
    manifest = write_corpus(tmp_path / "corpus", speakers=2, takes=1)
    former = tmp_path / "out" / "run"
    former.mkdir(parents=True)
    (former / "experiment.yaml").write_text(f"recipe: {recipe}\n")
    (former / "metrics.json").write_text("{}")
    with pytest.raises(SerKerasError, match=line):
        demo([("manifest", manifest)], tmp_path / "out")
    assert sorted(p.name for p in former.iterdir() if p.suffix in (".yaml", ".json")) == [
        "experiment.yaml",
        "metrics.json",
    ]
