"""Every classifier of sounds in the registry takes part."""

from creativeml import models


def test_all_families_are_trained_and_listed(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=1) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == list(example.FAMILIES) and set(example.FAMILIES) <= set(models.list())
    for name, parameters, _seconds, recognised in rows:
        model = models.build(name, classes=len(example.KINDS), **example.FAMILIES[name])
        assert int(parameters.replace(",", "")) == sum(p.numel() for p in model.parameters())
        assert 0 <= int(recognised.rstrip("%")) <= 100
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
