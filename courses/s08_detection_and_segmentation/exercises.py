"""Session 8, exercises: write the functions below, in any order, then grade them with

    python -m courses check s08

A function that is not written yet counts as "to do", whatever the others do. Everything but
`dice_loss` is NumPy alone; `iou` may serve the functions that follow it.

A box is (left, top, right, bottom) in pixels. The cell in row i, column j of a feature map with
stride s has its centre at x = (j + 0.5) * s, y = (i + 0.5) * s. It lies inside a box if
left < x < right and top < y < bottom.
"""

import numpy as np
from keras import KerasTensor


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of one set with each of the other.

    Coordinates are edges, not pixels: a width is right - left. A box without area (right <= left
    or bottom <= top) has an IoU of 0 with any other, and NumPy gives no warning.

    Args:
        first, second: boxes (N, 4) and (M, 4); N or M may be 0.

    Returns:
        An array (N, M) of numbers from 0 to 1.

    Example:
        iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])) is [[1/3, 0]].
    """
    raise NotImplementedError


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Keeps one detection for each object: greedy non-maximum suppression, class by class.

    Again and again, keep the remaining detection with the highest score (of equal ones the lower
    index), and drop the remaining ones of its class whose IoU with it is above `iou_threshold`.

    Args:
        boxes: (N, 4); N may be 0.
        scores: (N,).
        labels: (N,), the class of each.
        iou_threshold: from 0 to 1.

    Returns:
        The indices of the detections kept, whole numbers (K,), highest score first.

    Example:
        Boxes [[0, 0, 4, 4], [0, 0, 4, 5], [0, 0, 4, 4]], scores [0.6, 0.9, 0.7], labels [0, 0, 1],
        threshold 0.5: [1, 2] is kept, for 0 gives way to 1, and 2 is of another class.
    """
    raise NotImplementedError


def centre_assignment(
    boxes: np.ndarray, image_size: tuple[int, int], stride: int, radius: float
) -> np.ndarray:
    """Which object each cell of a feature map has to learn (FCOS: no anchors, no matching).

    A cell learns a box if its centre lies inside the box and, on both axes, less than
    radius * stride from the box's centre. Of several it learns the smallest (by area; of equal
    ones the lower index). A thin box may get no cell at all: it wants a smaller stride.

    Args:
        boxes: the true boxes (N, 4); N may be 0.
        image_size: (height, width) of the image in pixels.
        stride: pixels from cell to cell; there are ceil(height / stride) rows, columns alike.
        radius: in strides.

    Returns:
        Whole numbers (rows, columns): the index of the box, or -1, background.

    Example:
        centre_assignment(np.array([[0, 0, 24, 24]]), (16, 32), stride=8, radius=1.5) is
        [[0, 0, 0, -1], [0, 0, 0, -1]]; with radius=1 only the cell in row 1, column 1 is left.
    """
    raise NotImplementedError


def encode_boxes(boxes: np.ndarray, locations: np.ndarray, stride: int, cells: int) -> np.ndarray:
    """What the network must say for a box: its centre seen from a cell, and its size.

    With u = cells * stride pixels as the unit, the largest side that a cell can tell of,

        y = 0.5 + (box's centre y - cell's centre y) / u,   x alike,
        h = box's height / u,   w = box's width / u

    lie in 0 ... 1 for every box in reach, as a sigmoid's values do: one int8 scale suits them all.

    Args:
        boxes: (N, 4).
        locations: (N, 2), the (row, column) of the cell that learns each box.
        stride, cells: pixels between neighbouring cells, and the unit in strides.

    Returns:
        An array (N, 4) of (y, x, h, w).

    Example:
        encode_boxes(np.array([[8, 16, 24, 24]]), np.array([[2, 1]]), stride=8, cells=4) is
        [[0.5, 0.625, 0.25, 0.5]]: the cell's centre is x = 12, y = 20, the box's x = 16, y = 20.
    """
    raise NotImplementedError


def decode_boxes(numbers: np.ndarray, locations: np.ndarray, stride: int, cells: int) -> np.ndarray:
    """The way back, as the device goes it: `decode_boxes(encode_boxes(b, ...), ...)` is b again.

    Args:
        numbers: (N, 4) of (y, x, h, w).
        locations, stride, cells: as for `encode_boxes`.

    Returns:
        Boxes (N, 4), which may stand out of the image.
    """
    raise NotImplementedError


def average_precision(
    ground_truth: list[np.ndarray],
    predictions: list[tuple[np.ndarray, np.ndarray]],
    iou_threshold: float,
) -> float:
    """COCO's average precision of one class at one IoU, over several images.

    1. In each image, the highest score first, a detection takes, of the true boxes not taken
       yet, the one it overlaps most. If their IoU is at least `iou_threshold` it is right, and
       the true box is gone; otherwise it is wrong and takes none.
    2. Order the detections of all images by score, highest first. After each, precision is
       the fraction of right ones so far, and recall the right ones so far over all true boxes.
    3. Raise each precision to the largest at its own or any later place (the envelope).
    4. Average the envelope at recalls of 0, 0.01, 0.02 ... 1 (101 points): at each, its value at
       the first place where recall is at least that much, and 0 where recall never gets there.

    Equal scores keep the order of the images, and of the detections in an image.

    Args:
        ground_truth: for each image, boxes (N, 4); N may be 0.
        predictions: for each image, boxes (M, 4) and scores (M,); M may be 0.
        iou_threshold: the overlap that makes a detection right, such as 0.5.

    Returns:
        A number from 0 to 1; NaN if no image holds an object.

    Example:
        Two objects; of three detections the first and third are right: precisions 1, 1/2, 2/3 at
        recalls 1/2, 1/2, 1, so AP is (51 * 1 + 50 * 2/3) / 101 = 0.835.
    """
    raise NotImplementedError


def dice(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The Dice coefficient of each class: the F1 score of its pixels.

    For a class with T pixels in the ground truth, P predicted, and B in both: 2 B / (T + P).

    Args:
        true: class ids from 0 to classes - 1, (images, height, width).
        predicted: class ids of the same shape.
        classes: how many there are.

    Returns:
        An array (classes,) over all images together; NaN for a class that occurs in neither.

    Example:
        dice(np.array([[[0, 0, 1]]]), np.array([[[0, 1, 1]]]), classes=3) is [2/3, 2/3, NaN].
    """
    raise NotImplementedError


def dice_loss(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """The soft Dice loss, made of `keras.ops`, so that a network can train with it.

    With t = 1 where a pixel is of the class and 0 elsewhere, and p its predicted probability, a
    class costs 1 - 2 sum(t * p) / (sum(t) + sum(p)), sums over all pixels of the batch. The loss
    is the mean over the classes that occur in `true`, and 0 if none does. A pixel whose id is no
    class (255, "void") enters no sum.

    Args:
        true: class ids, integers (batch, height, width).
        predicted: softmax probabilities, float32 (batch, height, width, classes).

    Returns:
        A scalar tensor from 0 to 1.

    Example:
        Two pixels of class 0, with probabilities [1, 0] and [0.5, 0.5]: the loss is that of class
        0 alone, 1 - 2 * 1.5 / (2 + 1.5) = 1/7.
    """
    raise NotImplementedError


def roi_align(
    features: np.ndarray, box: np.ndarray, stride: int, output_size: tuple[int, int], points: int
) -> np.ndarray:
    """Cuts a box out of a feature map, to a fixed size, without rounding (Mask R-CNN's RoIAlign).

    Mask R-CNN has two stages. A region proposal network finds some hundred boxes that may hold an
    object; RoIAlign cuts each out of the feature map; heads then classify the cut-out, correct its
    box, and draw its mask, 28 x 28. RoIPool, its forerunner, rounded the box and its bins to whole
    cells. At stride 16 that moves an edge by up to 8 pixels: classes bear it, masks do not.

    1. A pixel coordinate v lies at v / stride - 0.5 on the map: a cell's centre at its own index.
    2. Divide the box into rows x columns equal bins. Each holds points x points points, at
       (k + 0.5) / points of its side, k = 0, 1, ...
    3. Read the map at each point by bilinear interpolation between the four cells around it.
       Points beyond the first or last cell's centre are moved onto it, on each axis on its own.
    4. Average the points of each bin.

    Args:
        features: (height, width, channels), in cells.
        box: (4,), in pixels of the image; it may stand out of it.
        stride: pixels between neighbouring cells.
        output_size: (rows, columns) of bins.
        points: points in a bin along each axis (the paper's sampling ratio).

    Returns:
        An array (rows, columns, channels).

    Example:
        With features [[[0.0], [4.0]]], box [0, 0, 16, 8], stride 8, output size (1, 2) and one
        point a bin it is [[[0], [4]]]; box [4, 0, 12, 8] gives [[[1], [3]]].
    """
    raise NotImplementedError


def assemble_masks(
    prototypes: np.ndarray, coefficients: np.ndarray, boxes: np.ndarray, stride: int
) -> np.ndarray:
    """Masks of instances in one stage (YOLACT): mixtures of maps that all objects share.

    The network draws K prototypes of the whole image, and gives each detection K coefficients.
    A cell belongs to an object if its centre lies inside the object's box, and the sigmoid of the
    sum over k of prototype k * coefficient k is above 0.5.

    Args:
        prototypes: (height, width, K), in cells.
        coefficients: (N, K), of either sign; N may be 0.
        boxes: (N, 4), in pixels of the image.
        stride: pixels between neighbouring cells of the prototypes.

    Returns:
        Booleans (N, height, width).

    Example:
        Prototypes [[[1], [-1], [2]]], coefficients [[1], [-1]], boxes [[0, 0, 8, 4], [0, 0, 12, 4]]
        and stride 4 give [[[True, False, False]], [[False, True, False]]].
    """
    raise NotImplementedError


def detector_levels(
    layers: list[tuple[str, int, int]],
    levels: list[str],
    sizes: list[tuple[float, float]],
    cells: float,
) -> tuple[dict[str, tuple[int, int]], list[str | None]]:
    """Which level of a detector can find an object of a given size.

    A level is the output of a layer; session 6's `receptive_field` gives what its cell sees and
    its stride (there "jump"). It suits an object if the receptive field is at least the longer
    side, and the shorter side spans at least `cells` strides. Take the last level that suits.

    Args:
        layers: from the input on, (name, kernel_size, strides) of each layer along one axis.
        levels: names of the layers that a detection head looks at, fine to coarse.
        sizes: (height, width) of each object in pixels.
        cells: strides that an object must span, such as 1.5.

    Returns:
        (views, choice): for each level's name (receptive field, stride) in pixels, and for each
        object the name of its level, None where none suits.

    Example:
        detector_levels([("a", 3, 2), ("b", 3, 1), ("c", 3, 2)], ["b", "c"], [(6, 4), (9, 2)], 1)
        is ({"b": (7, 2), "c": (11, 4)}, ["c", None]).
    """
    raise NotImplementedError


def counting_threshold(counts: np.ndarray, scores: list[np.ndarray]) -> float:
    """The score threshold that counts best: chosen on validation images, never on the test set.

    A detection counts if its score is at least the threshold. Of all scores that occur, and
    infinity, which counts nothing, take the one with the smallest mean over the images of
    |detections counted - objects|; of equally good ones the highest.

    Args:
        counts: the true number of objects in each image, (images,).
        scores: for each image the scores of its detections, (M,); M may be 0.

    Returns:
        The threshold, a float.

    Example:
        counting_threshold(np.array([1, 2]), [np.array([0.9, 0.3]), np.array([0.5, 0.6, 0.2])])
        == 0.5: it counts 1 and 2.
    """
    raise NotImplementedError
