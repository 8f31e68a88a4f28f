"""A task of a stranger's: how bright an image is, one number from 0 to 1. What the export knows."""

import numpy as np

from deploy import DeployError


def closeness(card, ground_truth, outputs):
    """One less the mean absolute error."""
    return 1 - float(np.abs(outputs[0][:, 0] - np.asarray(ground_truth)).mean())


metric = closeness
further_metrics = None


def infer(source, outputs, class_names, settings):
    if settings is None and source.outputs != ("brightness",):
        return None
    if len(outputs) != 1 or outputs[0].shape[1:] != (1,):
        raise DeployError(f"expected one brightness, received {outputs[0].shape[1:]}")
    return {"activation": None, "dark_below": (settings or {}).get("dark_below", 0.5)}


def agreement(card, class_names, keras, deployed):
    dark = [outputs[0][:, 0] < card["dark_below"] for outputs in (keras, deployed)]
    same = float((dark[0] == dark[1]).mean())
    return {"dark or bright": {"examples": len(dark[0]), "agreement": same}}


def card_lines(card):
    return ["## Brightness", "", f"- Dark below {card['dark_below']:g}.", ""]
