"""The field: its dates, the sizes of its networks, the course's own plan.

The data stand here with their sources; every function returns a matplotlib `Figure` and, where
`path` is given, saves it as PNG.
"""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from courses.sessions import SESSIONS
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save


class Event(NamedTuple):
    """A date worth knowing; `kind` is a key of `KINDS`."""

    year: int
    people: str
    what: str
    kind: str
    source: str


class Network(NamedTuple):
    """A published network and its trained parameters."""

    year: int
    name: str
    parameters: float
    source: str


KINDS = {"idea": BLUE, "setback": RED, "device": "#2f855a"}

EVENTS = (
    Event(1943, "McCulloch, Pitts", "a neuron as a threshold on a sum", "idea",
          "Bulletin of Mathematical Biophysics 5"),
    Event(1958, "Rosenblatt", "the perceptron learns its weights", "idea",
          "Psychological Review 65(6)"),
    Event(1969, "Minsky, Papert", "what a single layer cannot compute, XOR among it", "setback",
          "Perceptrons, MIT Press"),
    Event(1980, "Fukushima", "the neocognitron: shared kernels, layer on layer", "idea",
          "Biological Cybernetics 36"),
    Event(1986, "Rumelhart, Hinton, Williams", "back-propagation trains hidden layers", "idea",
          "Nature 323"),
    Event(1989, "LeCun et al.", "a convolutional network reads postcodes", "idea",
          "Neural Computation 1(4)"),
    Event(1991, "Hochreiter", "why gradients vanish through many layers", "setback",
          "diploma thesis, Technische Universität München"),
    Event(1997, "Hochreiter, Schmidhuber", "LSTM: memory over many steps", "idea",
          "Neural Computation 9(8)"),
    Event(2006, "Hinton, Osindero, Teh", "deep networks trained layer by layer", "idea",
          "Neural Computation 18(7)"),
    Event(2009, "Deng et al.", "ImageNet: millions of labelled pictures", "idea", "CVPR 2009"),
    Event(2012, "Krizhevsky, Sutskever, Hinton", "AlexNet wins ImageNet, on two GPUs", "idea",
          "NIPS 2012"),
    Event(2014, "Goodfellow et al.", "generative adversarial networks", "idea", "NIPS 2014"),
    Event(2015, "He, Zhang, Ren, Sun", "ResNet: 152 layers", "idea", "CVPR 2016"),
    Event(2017, "Vaswani et al.", "the transformer: attention alone", "idea", "NIPS 2017"),
    Event(2018, "Jacob et al.", "networks in 8-bit integers, trained and run", "device",
          "CVPR 2018"),
    Event(2020, "Ho, Jain, Abbeel", "diffusion makes pictures out of noise", "idea",
          "NeurIPS 2020"),
    Event(2020, "Brown et al.", "GPT-3: a language model told what to do by examples", "idea",
          "NeurIPS 2020"),
    Event(2021, "David et al.", "TensorFlow Lite Micro: networks on microcontrollers", "device",
          "MLSys 2021"),
    Event(2021, "Banbury et al.", "MLPerf Tiny: such devices are measured", "device",
          "NeurIPS Datasets and Benchmarks 2021"),
    Event(2022, "Ouyang et al.", "language models follow instructions", "idea", "NeurIPS 2022"),
)  # fmt: skip

NETWORKS = (
    Network(1987, "NETtalk", 18_629, "Sejnowski and Rosenberg, Complex Systems 1"),
    Network(1989, "LeCun's digits", 9_760, "LeCun et al., Neural Computation 1(4)"),
    Network(1998, "LeNet-5", 60_000, "LeCun et al., Proceedings of the IEEE 86(11)"),
    Network(2012, "AlexNet", 60e6, "Krizhevsky et al., NIPS 2012"),
    Network(2017, "MobileNet", 4.2e6, "Howard et al., arXiv:1704.04861"),
    Network(2017, "Transformer", 213e6, "Vaswani et al., NIPS 2017, the big model"),
    Network(2021, "DS-CNN", 23_756, "Banbury et al., MLPerf Tiny, NeurIPS 2021"),
    Network(2019, "GPT-2", 1.5e9, "Radford et al., OpenAI 2019"),
    Network(2020, "GPT-3", 175e9, "Brown et al., NeurIPS 2020"),
    Network(2024, "Llama 3.1", 405e9, "Llama team, arXiv:2407.21783"),
)

# A parameter in int8 is a byte of flash; microcontrollers with a Cortex-M have some 64 kB to 2 MB.
FLASH_BYTES = (64e3, 2e6)

# What each session asks, and the sessions it stands on.
QUESTIONS = {
    "s01": ("How does a machine learn from examples?", ()),
    "s02": ("Why many layers, and how do gradients pass?", ("s01",)),
    "s03": ("Does it hold on data it never saw?", ("s02",)),
    "s04": ("How does training get fast and stable?", ("s02",)),
    "s05": ("What if the data are a sequence?", ("s04",)),
    "s06": ("What if the data are pictures?", ("s04",)),
    "s07": ("Which plan, for which budget?", ("s06",)),
    "s08": ("Where in the picture is it?", ("s07",)),
    "s09": ("What can be learned without labels?", ("s06",)),
    "s10": ("Can a network make new examples?", ("s09",)),
}
# Column and row of each session's box.
_PLACES = {
    "s01": (0, 1), "s02": (1, 1), "s03": (2, 2), "s04": (2, 1), "s05": (3, 2),
    "s06": (3, 1), "s07": (4, 1.5), "s08": (5, 1.5), "s09": (4, 0.5), "s10": (5, 0.5),
}  # fmt: skip


def timeline(events: Sequence[Event] = EVENTS, path: PathLike | None = None) -> Figure:
    """Draws the dates on a true scale of time, each with who and what.

    Args:
        events: in the order of their years.
        path: where to save the figure.
    """
    years = np.array([event.year for event in events])
    rows = np.linspace(years.max(), years.min(), len(events))[::-1]
    figure = Figure(figsize=(10, 0.33 * len(events) + 0.6), layout="constrained")
    axes = figure.add_subplot()
    for event, row in zip(events, rows, strict=True):
        colour = KINDS[event.kind]
        axes.plot([0, 0.05, 0.09], [event.year, row, row], color=colour, linewidth=1, alpha=0.6)
        axes.plot(0, event.year, "o", color=colour, markersize=6)
        axes.text(0.1, row, f"{event.year}", va="center", color=colour, fontweight="bold")
        axes.text(0.155, row, event.what, va="center")
        axes.text(0.66, row, event.people, va="center", color="0.4")
    for place, (kind, colour) in enumerate(KINDS.items()):
        axes.text(0.155 + 0.12 * place, years.min() - 5.5, f"● {kind}", color=colour)
    axes.set_xlim(-0.005, 1)
    axes.set_ylim(years.max() + 3, years.min() - 7)
    axes.set_yticks(range(1940, int(years.max()) + 1, 10))
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return save(figure, path)


def network_sizes(
    parameters: int, networks: Sequence[Network] = NETWORKS, path: PathLike | None = None
) -> Figure:
    """Draws the parameters of known networks by year, and what a microcontroller has room for.

    Args:
        parameters: those of this lesson's network.
        networks: the published ones.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    green = KINDS["device"]
    axes.axhspan(*FLASH_BYTES, color=green, alpha=0.15, linewidth=0)
    note = "flash of a microcontroller:\n64 kB to 2 MB, a byte each"
    axes.text(1985.5, np.sqrt(np.prod(FLASH_BYTES)), note, va="center", color=green)
    for network in networks:
        axes.plot(network.year, network.parameters, "o", color=BLUE)
        axes.text(network.year + 0.5, network.parameters, network.name, va="center")
    axes.axhline(parameters, color=RED, linestyle="--")
    axes.text(2002, 1.4 * parameters, f"this session's network: {parameters:,}", color=RED)
    axes.set_yscale("log")
    axes.set_ylim(8, 3e12)
    axes.set_xlim(1985, 2028)
    axes.set_ylabel("trained parameters")
    plain(axes, grid="y")
    return save(figure, path)


def course_map(path: PathLike | None = None) -> Figure:
    """Draws the ten sessions, what each asks and which ones it stands on."""
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for key, (_, needs) in QUESTIONS.items():
        column, row = _PLACES[key]
        for need in needs:
            start = _PLACES[need]
            axes.annotate("", (column - 0.44, row), (start[0] + 0.44, start[1]),
                          arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 1.5})  # fmt: skip
        number, current = int(key[1:]), key == "s01"
        axes.add_patch(
            FancyBboxPatch((column - 0.41, row - 0.33), 0.82, 0.66,
                           boxstyle="round,pad=0.02", ec=RED if current else BLUE, lw=2,
                           fc="#fff5f5" if current else "#ebf4ff")
        )  # fmt: skip
        title = textwrap.fill(f"{number}. {SESSIONS[key].title}", 21)
        axes.text(column, row + 0.29, title, ha="center", va="top", fontsize=9.5,
                  fontweight="bold")  # fmt: skip
        question = textwrap.fill(QUESTIONS[key][0], 24)
        axes.text(column, row - 0.29, question, ha="center", va="bottom", fontsize=9,
                  style="italic")  # fmt: skip
    axes.set_xlim(-0.5, 5.5)
    axes.set_ylim(0.1, 2.4)
    axes.axis("off")
    return save(figure, path)
