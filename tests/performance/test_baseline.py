"""What is accepted of some cases changes nothing of others."""

from tests.performance import baseline


def test_accepting_some_cases_leaves_others(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "BASELINE", tmp_path / "baseline.json")
    baseline.write({"a": 5, "b": 6, "gone": 1}, ["a", "b", "gone"])
    baseline.write({"b": 7, "c": 8}, ["c", "b", "a"])
    found = baseline.read()
    assert list(found) == ["c", "b", "a"]
    assert found["a"] == {"cycles": 5, "least": 5}
    assert found["b"] == {"cycles": 7, "least": 6}
