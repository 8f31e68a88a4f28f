"""Image classifiers, one module a family.

All of them take, beside what is their own:

- `input_shape`, `(height, width, channels)` of the images, and `classes`;
- `include_top`: whether the model classifies; without it, `pooling` says what becomes of the last
  feature maps: None leaves them, "avg" averages them, "max" takes each one's maximum;
- `classifier_activation`: of the outputs; None gives logits;
- `weights`: None, "imagenet" where Keras publishes the network's weights, or a file that
  `model.save_weights` wrote;
- `include_preprocessing`: whether pixels of 0-255 are rescaled inside the model. Without it the
  images come as `blocks.preprocess` would have them;
- `name`, of the model.
"""

from thinkkeras.models.classification.alexnet import alexnet
from thinkkeras.models.classification.convnet import convnet
from thinkkeras.models.classification.densenet import densenet
from thinkkeras.models.classification.ds_cnn import ds_cnn
from thinkkeras.models.classification.efficientnet_lite0 import efficientnet_lite0
from thinkkeras.models.classification.googlenet import googlenet
from thinkkeras.models.classification.lenet5 import lenet5
from thinkkeras.models.classification.mobilenet_v1 import mobilenet_v1
from thinkkeras.models.classification.mobilenet_v2 import mobilenet_v2
from thinkkeras.models.classification.mobilenet_v3 import mobilenet_v3
from thinkkeras.models.classification.resnet import resnet
from thinkkeras.models.classification.squeezenet import squeezenet
from thinkkeras.models.classification.vgg import vgg

__all__ = [
    "alexnet",
    "convnet",
    "densenet",
    "ds_cnn",
    "efficientnet_lite0",
    "googlenet",
    "lenet5",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet",
    "squeezenet",
    "vgg",
]
