"""The mixture of experts of examples/compare_classifiers.py."""

import importlib.util
import sys

import numpy as np
import pytest

from creativeml.files import project_folder


@pytest.fixture(scope="module")
def compare():
    path = project_folder("examples") / "compare_classifiers.py"
    spec = importlib.util.spec_from_file_location("compare_classifiers_experts", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def pictures_of(seed, count=6000):
    """Two bands over time; which side of band 1 is which kind depends on band 0: no plane tells the kinds apart."""
    generator = np.random.default_rng(seed)
    side = generator.choice([-1.0, 1.0], count)
    other = generator.normal(size=count)
    levels = np.stack([3 * side + 0.3 * generator.normal(size=count), other], axis=1)
    return np.repeat(levels[:, :, None], 6, axis=2), (side * other > 0).astype(np.int64)


def test_experts_share_what_one_regression_cannot_do(compare):
    known, asked = pictures_of(0), pictures_of(1)
    shares = {
        name: np.mean(compare.CLASSICAL[name](0).fit(*known).predict(asked[0]) == asked[1])
        for name in ("logistic regression", "mixture of experts (logistic)")
    }
    assert shares["logistic regression"] < 0.65 and shares["mixture of experts (logistic)"] > 0.9


def test_every_expert_knows_every_kind(compare):
    pictures = np.random.default_rng(0).normal(size=(60, 4, 6))
    labels = np.arange(60) % 3
    model = compare.MixtureOfExperts(2, rounds=2).fit(pictures, labels)
    assert all(expert.classes_.tolist() == [0, 1, 2] for expert in model.models)
    assert model.gate.predict_proba(compare.summary(pictures)).shape == (60, 2)
    assert set(model.predict(pictures)) <= {0, 1, 2}
    with pytest.raises(ValueError, match="at least 2 experts"):
        compare.MixtureOfExperts(1)
