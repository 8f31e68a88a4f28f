"""Session 6's own figures: what a convolution computes, sees and learns.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from thinkkeras.inspection import ReceptiveField
from thinkkeras.plots import PathLike, save, show_image

ACCENT = "#d1495b"
CONVOLUTION, POOLING = "#30638e", "#edae49"


def one_output_pixel(
    image: np.ndarray, kernel: np.ndarray, at: tuple[int, int], path: PathLike | None = None
) -> Figure:
    """Draws the sum behind one output pixel: the window, the kernel, the feature map.

    Args:
        image: (height, width), at most about 10 x 10 pixels so that the numbers can be read.
        kernel: (kernel height, kernel width).
        at: row and column of the output pixel, with padding "valid".
        path: where to save the figure.
    """
    patches = np.lib.stride_tricks.sliding_window_view(image.astype(float), kernel.shape)
    feature_map = (patches * kernel).sum(axis=(-2, -1))
    row, column = at
    products = "  ".join(
        f"{'−' if weight < 0 else '+'} {abs(weight):g}·{pixel:g}"
        for weight, pixel in zip(kernel.ravel(), patches[at].ravel(), strict=True)
        if weight
    )
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    widths = [image.shape[1], kernel.shape[1], feature_map.shape[1]]
    grid = figure.add_gridspec(1, 3, width_ratios=widths, wspace=0.08)
    left, middle, right = (figure.add_subplot(grid[index]) for index in range(3))
    _show_numbers(left, image, "gray", (0, 255))
    reach = np.abs(feature_map).max() or 1
    _show_numbers(middle, kernel, "RdBu_r", (-np.abs(kernel).max(), np.abs(kernel).max()))
    _show_numbers(right, feature_map, "RdBu_r", (-reach, reach))
    for axes, height, width, top, start in (
        (left, *kernel.shape, row, column),
        (right, 1, 1, row, column),
    ):
        axes.add_patch(
            Rectangle((start - 0.5, top - 0.5), width, height, fill=False, ec=ACCENT, lw=4)
        )
    left.set_title(f"picture, {image.shape[0]} × {image.shape[1]}")
    middle.set_title(f"kernel, {kernel.shape[0]} × {kernel.shape[1]}")
    right.set_title(f"feature map, {feature_map.shape[0]} × {feature_map.shape[1]}")
    total = f"{feature_map[at]:g}".replace("-", "−")
    figure.suptitle(f"{products}  =  {total}", color=ACCENT, fontsize=15)
    return save(figure, path)


def kernel_responses(
    image: np.ndarray,
    kernels: np.ndarray,
    responses: np.ndarray,
    names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws an image, the kernels laid over it and the feature map that each one makes.

    Args:
        image: (height, width), pixels of 0-255.
        kernels: (kernel height, kernel width, kernels).
        responses: (height, width, kernels), the feature maps.
        names: what each kernel is for.
        path: where to save the figure.
    """
    count = kernels.shape[-1]
    figure = Figure(figsize=(15, 4), layout="constrained")
    grid = figure.add_gridspec(2, count + 1, width_ratios=[1.7, *[1] * count])
    panel = figure.add_subplot(grid[:, 0])
    show_image(panel, image[..., None])
    panel.axis("off")
    for index, name in enumerate(names):
        kernel, response = kernels[..., index], responses[..., index]
        above = figure.add_subplot(grid[0, index + 1])
        _show_numbers(above, kernel, "RdBu_r", (-np.abs(kernel).max(), np.abs(kernel).max()))
        above.set_title(name, fontsize=13)
        below = figure.add_subplot(grid[1, index + 1])
        # A few glaring pixels would leave the rest of the map pale.
        reach = np.percentile(np.abs(response), 99)
        below.imshow(response, cmap="RdBu_r", vmin=-reach, vmax=reach)
        below.set_xticks([])
        below.set_yticks([])
    return save(figure, path)


def receptive_fields(
    stack: Sequence[ReceptiveField], input_size: int, path: PathLike | None = None
) -> Figure:
    """Draws how the receptive field grows from layer to layer, against the image's width.

    Args:
        stack: the layers, as `thinkkeras.inspection.receptive_fields` returns them.
        input_size: width of the image in pixels.
        path: where to save the figure.
    """
    figure = Figure(figsize=(10, 0.5 * len(stack) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(-input_size / 2, input_size / 2, color="0.92", zorder=0)
    reach = max(input_size, *(layer.size for layer in stack)) / 2
    for row, layer in enumerate(stack):
        color = POOLING if layer.kind == "pooling" else CONVOLUTION
        width = layer.size
        axes.barh(row, width, left=-width / 2, height=0.62, color=color)
        note = f"sees {width}, steps {layer.jump}"
        axes.text(1.01, row, note, va="center", transform=axes.get_yaxis_transform())
    names = [
        f"{layer.kind} {layer.kernel_size}×{layer.kernel_size}"
        + (f", stride {layer.strides}" if layer.strides > 1 else "")
        + f"   →   {' × '.join(map(str, layer.output_shape))}"
        for layer in stack
    ]
    axes.set_yticks(range(len(stack)), names)
    axes.invert_yaxis()
    axes.set_xlim(-reach * 1.02, reach * 1.02)
    axes.set_xlabel("pixels of the input, around the one in the middle")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    patches = [
        Patch(color=CONVOLUTION, label="convolution"),
        Patch(color=POOLING, label="pooling"),
        Patch(color="0.92", label=f"the whole picture, {input_size} pixels"),
    ]
    figure.legend(handles=patches, loc="outside upper center", ncols=3, frameon=False)
    return save(figure, path)


def _show_numbers(axes: Axes, values: np.ndarray, colors: str, limits: tuple[float, float]) -> None:
    axes.imshow(values, cmap=colors, vmin=limits[0], vmax=limits[1])
    low, high = limits
    for (row, column), value in np.ndenumerate(values):
        # Bright grey and pale colours take black digits, the others white ones.
        pale = value > (low + high) / 2 if colors == "gray" else abs(value) < 0.6 * high
        color = "black" if pale else "white"
        axes.text(column, row, f"{value:g}", ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
