"""Session 4's run: its tables, and where its files go."""

import json

import pytest

from courses.s04_optimisation import references


@pytest.mark.slow
def test_the_tables_have_a_row_for_each_rule_and_policy(lesson_run):
    out, printed = lesson_run("s04")
    tables = json.loads((out / "metrics.json").read_text())["tables"]
    for name in ("agreement", "race"):
        assert [row[0] for row in tables[name][1:]] == list(references.RULES)
    policies = [row[0] for row in tables["precision"][1:]]
    assert policies == ["float32", "mixed_bfloat16", "mixed_float16"]
    assert tables["precision"][3][1] == "LossScaleOptimizer"
    assert "| optimizer | learning rate | epochs to 95% " in printed


@pytest.mark.slow
def test_rules_agree_with_keras_in_the_run(lesson_run):
    out, _ = lesson_run("s04")
    rows = json.loads((out / "metrics.json").read_text())["tables"]["agreement"][1:]
    assert all(float(row[2]) <= 1e-6 for row in rows)


@pytest.mark.slow
def test_the_search_writes_into_the_run_s_folder(lesson_run):
    out, _ = lesson_run("s04")
    found = list((out / "tuner" / "search").glob("trial_*"))
    assert len(found) == 2
