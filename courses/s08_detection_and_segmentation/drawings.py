"""Session 8's own figures; those of `thinkkeras.detection_plots` and `metric_plots` come beside."""

from courses.s08_detection_and_segmentation.drawings_of_boxes import (
    assignment,
    intersection_over_union,
    roi_align,
    suppression,
)
from courses.s08_detection_and_segmentation.drawings_of_masks import (
    four_tasks,
    prototypes,
    semantic_maps,
)

__all__ = [
    "assignment",
    "four_tasks",
    "intersection_over_union",
    "prototypes",
    "roi_align",
    "semantic_maps",
    "suppression",
]
