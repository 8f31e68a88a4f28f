"""A network of one's own: what is built, what a budget allows, how the search chooses."""

import numpy as np
import pytest

from courses.s07_cnn_architectures.experiments import own_architecture as own
from courses.s07_cnn_architectures.experiments.own_architecture import Candidate, Stage
from courses.s07_cnn_architectures.plots.own_architecture import candidates

STAGES = (Stage("residual", 2, 1.5), Stage("separable", 1, 2.0), Stage("inverted residual", 1, 1.0))


def test_a_network_halves_with_each_stage_and_grows_as_told():
    model = own.network((32, 32, 3), 7, stem=8, stages=STAGES)
    assert model.output_shape == (None, 7)
    shapes = {
        name: model.get_layer(name).output.shape[1:]
        for name in ("stem_relu", "stage1_block2_relu", "stage2_block1_pointwise_relu")
    }
    assert shapes["stem_relu"] == (32, 32, 8)
    assert shapes["stage1_block2_relu"] == (16, 16, 12)
    assert shapes["stage2_block1_pointwise_relu"] == (8, 8, 24)
    assert model.get_layer("average").input.shape[1:] == (4, 4, 24)


@pytest.mark.parametrize(
    ("budget", "width"), [(1000, 48), (240, 24), (239, 20), (80, 8), (79, None)]
)
def test_the_widest_within_the_budget(budget, width):
    asked = []

    def costs(stem):
        asked.append(stem)
        return own.Costs(10 * stem, stem)

    found = own.widest(costs, budget, 10**6)
    assert (found and found[0]) == width
    assert len(asked) <= 4  # bisection among eleven
    by_ram = own.widest(costs, 10**6, budget // 10)
    assert (by_ram and by_ram[0]) == width


def test_a_mutation_changes_one_thing():
    generator = np.random.default_rng(0)
    for _ in range(30):
        changed = own.mutated(STAGES, generator)
        pairs = [
            (before, after)
            for old, new in zip(STAGES, changed, strict=True)
            for before, after in zip(old, new, strict=True)
        ]
        assert sum(before != after for before, after in pairs) == 1
        assert all(kind in own.BLOCKS for kind, _, _ in changed)


def test_the_search_ends_with_changes_of_the_best(monkeypatch):
    """The accuracy is made up: the more residual stages, the better."""
    built = []

    def scored(model, *_):
        built.append(model)
        return sum("_add" in layer.name for layer in model.layers) / 100

    def cheap(model):
        return own.Costs(model.count_params(), 1)

    monkeypatch.setattr(own, "short_training", scored)
    monkeypatch.setattr(own, "costs", cheap)
    options = {"batch_size": 1, "arena_bytes": 2, "trials": 5, "epochs": 1, "seed": 1}
    found = own.search((32, 32, 3), 10, None, None, cycles=60_000, **options)
    assert len(found) == len(built) == 5
    assert [one.accuracy for one in found] == sorted((one.accuracy for one in found), reverse=True)
    assert max(one.cycles for one in found) <= 60_000
    assert len({one.stages for one in found}) == 5
    assert own.search((32, 32, 3), 10, None, None, cycles=60_000, **options) == found
    with pytest.raises(ValueError, match="a budget that a network fits, received 10 cycles"):
        own.search((32, 32, 3), 10, None, None, cycles=10, **options | {"trials": 1})


@pytest.mark.slow
def test_a_network_costs_before_training_what_the_compiler_says():
    narrow, wide = (
        own.costs(own.network((16, 16, 1), 3, stem=stem, stages=STAGES[:1])) for stem in (8, 24)
    )
    assert 0 < narrow.cycles < wide.cycles
    assert 0 < narrow.arena_bytes < wide.arena_bytes


@pytest.mark.slow
def test_the_short_training_learns():
    generator = np.random.default_rng(0)
    y = np.arange(256) % 2
    x = generator.uniform(0, 60, (256, 16, 16, 1)).astype("float32")
    x[y == 0, ::2] += 190
    x[y == 1, :, ::2] += 190
    model = own.network((16, 16, 1), 2, stem=8, stages=STAGES[:2])
    assert own.short_training(model, (x, y), (x, y), 3, 32) > 0.9


def test_the_figure_shows_every_candidate(tmp_path):
    found = [Candidate(16, STAGES, 0.8, 90_000, 1), Candidate(8, STAGES[:1], 0.7, 50_000, 1)]
    figure = candidates(found, 100_000, tmp_path / "candidates.png")
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([80, 70])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([90, 50])
    assert left.get_yticklabels()[1].get_text() == "8 | 2 residual ×1.5"
