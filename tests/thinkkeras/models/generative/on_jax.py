"""What test_training has JAX do, in a process of its own: `python on_jax.py FOLDER`."""

import importlib.util
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from thinkkeras.models import generative  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "training", Path(__file__).with_name("test_training.py")
)
training = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training)

folder = Path(sys.argv[1])
found = {"backend": keras.backend.backend()}

for name, build in training.MODELS.items():
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.Adam(1e-2))
    x, y = training.blobs(128)
    before = training.measured(model, x, y)
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    found[name] = [before, training.measured(model, x, y)]
    if name == "wgan_gp":
        moved = []
        for _ in range(4):
            before = np.asarray(model.generator.trainable_variables[0])
            model.train_on_batch(x[:8])
            model.jax_state_sync()
            moved.append(bool((np.asarray(model.generator.trainable_variables[0]) != before).any()))
        found["critic_steps"] = moved
    if name == "gaussian vae":
        drawn = list(generative.log_weights(model, x[:16], samples=4, at_once=4, batch_size=8))
        found["weights"] = [list(each.shape) for each in drawn]

model = keras.saving.load_model(folder / "model.keras")
x = ops.convert_to_tensor(np.load(folder / "x.npy"))
critic = model.discriminator


def penalty(weights, state):
    with keras.StatelessScope(list(zip(critic.trainable_variables, weights, strict=True))):
        model.noise_seed.state.assign(state)
        return model.penalty(x, x, [], True)


weights = [variable.value for variable in critic.trainable_variables]
value, gradient = jax.value_and_grad(penalty)(weights, model.noise_seed.state.value)
found["penalty"] = float(value)
found["gradient"] = [np.asarray(each).tolist() for each in gradient]
(folder / "found.json").write_text(json.dumps(found), "utf-8")
