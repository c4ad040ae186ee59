"""The example of overfitting."""


def test_few_sounds_are_learnt_by_heart_and_not_what_they_have_in_common(example, starter, figures, tmp_path):
    assert example.main(starter, sounds=40, out=tmp_path, steps=60) == 0
    found = figures()
    learnt, unheard, loss = found["none"]
    assert learnt > 0.9 and unheard < learnt - 0.15
    assert found["early stopping"][2] < loss
    assert (tmp_path / "overfitting.png").stat().st_size > 1000
