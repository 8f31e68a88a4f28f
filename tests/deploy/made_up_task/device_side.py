"""A task of a stranger's: how bright an image is, one number from 0 to 1. What the device does."""

from deploy import DeployError

HAS_SCORES = False
events = None
judge = None


def check(card):
    if len(card["outputs"]) != 1:
        raise DeployError(f"expected one output, received {len(card['outputs'])}")


def class_names(card, labels):
    return ["dark", "bright"]


def predict(card, outputs, labels, image_size, score_threshold=None):
    brightness = float(outputs[0][0])
    return {"brightness": brightness, "dark": brightness < card["dark_below"], "size": image_size}


def to_text(prediction, classes):
    name = classes[0] if prediction["dark"] else classes[1]
    return f"{name}, {100 * prediction['brightness']:.0f} % of white"


def draw(image, prediction, classes):
    """A bar beneath the image, as long as it is bright."""
    from PIL import Image

    sheet = Image.new("L", (100, 110), 0)
    sheet.paste(image.convert("L").resize((100, 100)))
    sheet.paste(255, (0, 100, round(100 * prediction["brightness"]), 110))
    return sheet
