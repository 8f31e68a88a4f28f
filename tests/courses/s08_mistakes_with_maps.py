"""Session 8's exercises about maps with one thing wrong, for `s08_wrong_answers`."""

import numpy as np
from keras import ops
from scipy.ndimage import map_coordinates

from courses.s08_detection_and_segmentation import solutions


def dice_with(factor=2, total=lambda t, p, both: t + p, absent=np.nan, pixels=np.sum):
    """The coefficient of each class with one thing wrong."""

    def dice(true, predicted, classes):
        ids = np.arange(classes)[:, None]
        true, predicted = true.ravel() == ids, predicted.ravel() == ids
        both = (true & predicted).sum(axis=1)
        size = total(true.sum(axis=1), predicted.sum(axis=1), both)
        result = np.divide(factor * both, size, out=np.full(classes, absent), where=size > 0)
        return result

    return dice


def dice_by_picture(true, predicted, classes):
    pairs = zip(true, predicted, strict=True)
    return np.mean([solutions.dice(one, other, classes) for one, other in pairs], axis=0)


def loss_with(factor=2.0, power=1, void=False, absent=False, axes=(0, 1, 2), sign=-1, start=1.0):
    """The loss with one thing wrong."""

    def dice_loss(true, predicted):
        ids = ops.arange(predicted.shape[-1], dtype="int32")
        hot = ops.cast(ops.equal(true[..., None], ids), "float32")
        known = 1.0 if void else ops.sum(hot, axis=-1, keepdims=True)
        both = ops.sum(hot * predicted, axis=axes)
        pixels = ops.sum(hot, axis=axes)
        total = pixels + ops.sum(known * ops.power(predicted, power), axis=axes)
        costs = start + sign * factor * both / ops.maximum(total, 1e-7)
        counted = ops.ones_like(pixels) if absent else ops.cast(pixels > 0, "float32")
        return ops.sum(counted * costs) / ops.maximum(ops.sum(counted), 1.0)

    return dice_loss


def loss_in_numpy(true, predicted):
    hot = np.asarray(true)[..., None] == np.arange(predicted.shape[-1])
    known = hot.any(axis=-1, keepdims=True)
    pixels = hot.sum(axis=(0, 1, 2))
    total = pixels + (known * np.asarray(predicted)).sum(axis=(0, 1, 2))
    costs = 1 - 2 * (hot * np.asarray(predicted)).sum(axis=(0, 1, 2)) / np.maximum(total, 1e-7)
    return costs[pixels > 0].mean() if pixels.any() else 0.0


def aligned_with(
    half=0.5,
    whole=np.asarray,
    single=False,
    reduce=np.mean,
    order=1,
    mode="nearest",
    scaled=True,
    place=lambda k, n: (k + 0.5) / n,
    axes=(0, 1),
):
    """RoIAlign with one thing wrong."""

    def roi_align(features, box, stride, output_size, points):
        box = whole(box / stride - half if scaled else box - half)
        points = 1 if single else points
        count = np.array(output_size) * points
        steps = [
            (np.arange(n)[:, None] + place(np.arange(points), points)).ravel() / n
            for n in output_size
        ]
        y, x = (box[1 - k] + steps[k] * (box[3 - k] - box[1 - k]) for k in (0, 1))
        grid = np.meshgrid(y, x, indexing="ij")
        read = [
            map_coordinates(m, grid, order=order, mode=mode) for m in np.moveaxis(features, 2, 0)
        ]
        rows, columns = output_size
        bins = np.stack(read, -1).reshape(rows, count[0] // rows, columns, count[1] // columns, -1)
        return reduce(bins, axis=(1, 3)).transpose(*axes, 2)

    return roi_align


def masks_with(crop=True, logits=None, threshold=0.0, scale=None, offset=0.5, result=None):
    """YOLACT's masks with one thing wrong."""

    def assemble_masks(prototypes, coefficients, boxes, stride):
        height, width, _ = prototypes.shape
        step = stride if scale is None else scale
        left, top, right, bottom = boxes.T[:, :, None]
        x, y = (np.arange(width) + offset) * step, (np.arange(height) + offset) * step
        across, down = (left < x) & (x < right), (top < y) & (y < bottom)
        sums = np.einsum("hwk,nk->nhw", prototypes, coefficients)
        masks = (sums if logits is None else logits(prototypes, coefficients)) > threshold
        if crop:
            masks = masks & down[:, :, None] & across[:, None, :]
        return masks if result is None else result(masks, sums)

    return assemble_masks


def positive(prototypes, coefficients):
    return np.einsum("hwk,nk->nhw", prototypes, np.maximum(coefficients, 0))


def each_prototype(prototypes, coefficients):
    """A sigmoid of each prototype, before they are mixed."""
    return np.einsum("hwk,nk->nhw", 1 / (1 + np.exp(-prototypes)), coefficients) - 0.5
