"""The example of attack and defence."""


def test_the_attack_misleads_and_training_on_it_helps(example, starter, figures, tmp_path):
    assert example.main(starter, out=tmp_path, steps=80) == 0
    found = figures()
    plain, defended = found["trained plainly"], found["trained on attacks"]
    assert len(plain) == len(example.EPSILONS) and plain[-1] < plain[0] - 0.2
    assert defended[3] > plain[3]
    assert (tmp_path / "fgsm.png").stat().st_size > 1000
