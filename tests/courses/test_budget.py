"""Budgets of the exercises: what is broken, by how much."""

import pytest

from courses import grading
from courses.budget import expect_budget


@pytest.mark.parametrize(
    ("flash", "arena", "message"),
    [
        (60_000, 40_000, None),
        (60_001, 40_000, "received flash 60,001 bytes, 1 too many"),
        (59_000, 52_340, "received arena 52,340 bytes, 12,340 too many"),
        (70_000, 40_001, "flash 70,000 bytes, 10,000 too many; arena 40,001 bytes, 1 too many"),
    ],
)
def test_a_broken_budget_is_named_with_what_is_too_much(flash, arena, message):
    card = {"size_bytes": flash, "memory": {"arena_bytes": arena}}
    if message is None:
        expect_budget(card, {"flash": 60_000, "arena": 40_000})
        return
    with pytest.raises(grading.Mismatch) as caught:
        expect_budget(card, {"flash": 60_000, "arena": 40_000})
    assert message in str(caught.value)
