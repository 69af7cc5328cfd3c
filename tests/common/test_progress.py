"""Bars, on a terminal and in a notebook."""

import sys
import types

from ser_keras.common import progress


def work():
    with progress.stage("decoding <x>", 3, "files") as advance:
        for _ in range(3):
            advance(note="loss 0.5")


def test_bars_on_a_terminal_go_to_standard_error(capsys):
    with progress.reporting(progress.Bars()):
        work()
    out, err = capsys.readouterr()
    assert out == "" and "decoding <x>" in err and "3/3" in err and "loss 0.5" in err


def test_bars_in_a_notebook_are_one_display_that_changes(capsys, monkeypatch):
    shown = []

    class Handle:
        def update(self, bar):
            shown.append(bar._repr_html_())

    def display(bar, display_id):
        shown.append(bar._repr_html_())
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    with progress.reporting(progress.Bars()):
        work()
    assert shown[0] == '<div>decoding &lt;x&gt; <progress value="0" max="3"></progress> 0/3 files 0 s </div>'
    assert shown[-1] == '<div>decoding &lt;x&gt; <progress value="3" max="3"></progress> 3/3 files 0 s loss 0.5</div>'
    assert len(shown) == 2, "drawings in quick succession are left out"
    assert capsys.readouterr().out == ""
