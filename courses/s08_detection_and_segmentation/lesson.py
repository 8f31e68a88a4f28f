# %% [markdown]
# # Session 8: detection and segmentation
#
# What: one small backbone learns to answer four questions about a picture: is there a balloon,
# which pixels are balloon, where is each balloon, and which pixels belong to each. All four
# networks are trained in plain sight with `fit`, go onto a device as int8, and are measured there.
#
# Why: counting seven balloons is what a user wants; the network gives thousands of numbers. The
# session is about the way between.
#
# From a terminal:
#
#     python -m courses run s08                     # drawn scenes of balloons, no download
#     python -m courses run s08 --dataset bccd      # blood cells; any TFDS set with boxes, by name
#     python -m courses run s08 --dataset balloon   # scenes first, then 61 photographs
#     python -m deploy.runtime run runs/s08/deploy/cpu/instance photo.jpg --draw answer.png
#     python -m courses check s08                   # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import time

import keras
import numpy as np

import courses
import deploy
import deploy.runtime
from courses.s08_detection_and_segmentation import drawings, evaluation, scenes_first
from thinkkeras import assignment, boxes, datasets, detection_plots, metric_plots, metrics, plots
from thinkkeras.detector_training import DetectorTrainer
from thinkkeras.losses import sparse_dice
from thinkkeras.models import classifier, residual_net, unet, yolact_tiny, yolo_tiny

settings = courses.settings("s08", dataset="balloon_scenes", targets=("cpu", "ethos-u55-128"))
keras.utils.set_random_seed(settings.seed)
figures = settings.out / "figures"

# %% [markdown]
# ## The data
#
# Drawn scenes cost nothing, so there are many, and none is changed. Photographs are few: each
# epoch sees them in other sizes, crops, mirrorings and colours, the boxes and masks along with
# them. Sets without masks, such as `bccd`, go as far as detection.

# %%
drawn, masks = settings.dataset == "balloon_scenes", "balloon" in settings.dataset
image_size = (256, 256) if masks else (240, 320)
