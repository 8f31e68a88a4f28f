"""Session 1's own figures.

Every function that draws returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from courses.s01_introduction.plots.field import course_map, network_sizes, timeline
from courses.s01_introduction.plots.results import one_scale, show_data, show_weights, thresholds
from courses.s01_introduction.plots.theory import (
    boundaries,
    descent,
    keras_agreement,
    losses,
    neuron,
    xor,
)

__all__ = [
    "boundaries",
    "course_map",
    "descent",
    "keras_agreement",
    "losses",
    "network_sizes",
    "neuron",
    "one_scale",
    "show_data",
    "show_weights",
    "thresholds",
    "timeline",
    "xor",
]
