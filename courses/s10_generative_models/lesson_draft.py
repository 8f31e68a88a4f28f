# %% [markdown]
# # Session 10: generative models
#
# What: networks that make images: a variational autoencoder, adversarial networks, a diffusion
# model, and a code of whole numbers; what each is good and bad at, measured; and all of them on a
# device, where a seed is an image.
#
# Why: a classifier tells what is there. A generator knows what could be there: it fills in, makes
# more, makes others, and shows what was learned.
#
# From a terminal:
#
#     python -m courses run s10                            # digits, no download
#     python -m courses run s10 --dataset fashion_mnist
#     python -m courses check s10                          # grades exercises.py
#
# The theory behind each step is in README.md, under the same headings.

# %%
import keras
import numpy as np

import courses
from courses.s10_generative_models.experiments import (
    collapse,
    device,
    generators,
    latent,
    measures,
    memorised,
    progress,
    sampling,
)
from courses.s10_generative_models.experiments.generators import Recipe
from courses.s10_generative_models.plots import measures as measure_plots
from courses.s10_generative_models.plots import samples as sample_plots
from thinkkeras import datasets
from thinkkeras.models import generative, resnet
from thinkkeras.optimizers import adamw
from thinkkeras.plots import image_rows, learning_curves
from thinkkeras.schedules import warm_up

settings = courses.settings("s10", dataset="digits", targets=("cpu", "cortex-m"))
keras.utils.set_random_seed(settings.seed)
figures = settings.figures
seconds: dict[str, float] = {}
tables: dict[str, list[list[str]]] = {}
trial = settings.epochs is not None

# %% [markdown]
# What the images ask for. What makes images, a decoder, a generator, a denoiser, has about the same
# number of parameters in each: 60,000 on digits, 650,000 on Fashion-MNIST.

# %%
RECIPES = {
    "digits": Recipe(
        code=8,
        filters=(24, 48),
        units=(128,),
        noise=16,
        gan_filters=(32, 64),
        critic_steps=2,
        unet_filters=(24, 32),
        codebook=(32, 8),
        prior=(32, 3),
        batch_size=64,
        epochs=60,
        seconds=20,
        seeds=3,
        examples=270,
        likelihood=(360, 500),
        steps=20,
    ),
    "fashion_mnist": Recipe(
        code=32,
        filters=(32, 64),
        units=(192,),
        noise=64,
        gan_filters=(64, 128),
        critic_steps=5,
        unet_filters=(32, 64, 112),
        codebook=(64, 16),
        prior=(96, 6),
        batch_size=128,
        epochs=5,
        seconds=180,
        seeds=3,
        examples=5000,
        likelihood=(1000, 500),
        steps=20,
    ),
}
recipe = RECIPES.get(settings.dataset, RECIPES["fashion_mnist"])
if trial:
    recipe = recipe._replace(
        epochs=1, seconds=1, seeds=1, examples=60, likelihood=(20, 10), steps=4
    )

# %% [markdown]
# ## The data, and a judge
#
# Whether images are good is asked on the features of a classifier, session 7's residual network. It
# is also the first of the networks for the device, where it reads what the others paint.

# %%
(train, validation, test), info = datasets.load(settings.dataset, augment=False, seed=settings.seed)
(x, y), (x_validation, y_validation), (x_test, y_test) = map(
    datasets.as_arrays, (train, validation, test)
)
if trial:
    x, y, x_test, y_test = x[:600], y[:600], x_test[:200], y_test[:200]
height, width, channels = info.input_shape
image_shape = height, width, channels
print(f"{info.name}: {len(x):,} images of {image_shape}")
steps = -(-len(x) // recipe.batch_size)

# %%
model = resnet(image_shape, info.classes, name="judge")
epochs = settings.epochs or max(3, recipe.epochs // 3)
model.compile(
    adamw(epochs * steps, 3e-3, weight_decay=1e-3),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,  # on a CPU, XLA makes convolutions slower
)
with courses.timed(seconds, "judge"):
    history = model.fit(
        x,
        y,
        batch_size=recipe.batch_size,
        epochs=epochs,
        validation_data=(x_validation, y_validation),
        verbose=2,
    )
model.save(settings.out / "model.keras")
learning_curves(history, figures / "learning_curves.png")
held_out = np.concatenate([x_validation, x_test])
judge = measures.judge(model, held_out, recipe.examples, settings.seed)
floor = measures.quality(judge, judge.others)
print(f"Fréchet distance of two halves of real images, the floor: {floor.frechet:.2f}")

# %% [markdown]
# ## A variational autoencoder
#
# The encoder says where in the code an image may lie, the decoder paints what is drawn there, and
# both are pulled towards a normal distribution, from which new codes are drawn.

# %%
vae = generative.vae(
    image_shape,
    recipe.code,
    filters=recipe.filters,
    units=recipe.units,
    seed=settings.seed,
)
vae.compile(adamw(recipe.epochs * steps, 2e-3, weight_decay=0.0), jit_compile=False)
during = {"VAE": progress.Snapshots(every=max(1, recipe.epochs // 20), seed=settings.seed)}
with courses.timed(seconds, "VAE"):
    plain_history = vae.fit(
        x,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_data=(x_validation,),
        callbacks=[during["VAE"]],
        verbose=2,
    )
decoder = generative.pixel_decoder(vae.decoder)
decoder.save(settings.out / "decoder.keras")

# %% [markdown]
# ### The bound in its parts
#
# The same with a KL whose weight rises over a third of the training, and with four times the
# weight.

# %%
histories = {"β = 1": plain_history.history}
for title, beta in (
    ("β warms up", warm_up(max(1, recipe.epochs * steps // 3))),
    ("β = 4", 4.0),
):
    other = generative.vae(
        image_shape,
        recipe.code,
        filters=recipe.filters,
        units=recipe.units,
        beta=beta,
        seed=settings.seed,
    )
    other.compile(adamw(recipe.epochs * steps, 2e-3, weight_decay=0.0), jit_compile=False)
    with courses.timed(seconds, f"VAE, {title}"):
        histories[title] = other.fit(
            x, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2
        ).history
measure_plots.bound_in_parts(histories, figures / "bound.png")
measure_plots.used_numbers(latent.used_numbers(vae.encoder, x_test), figures / "used_numbers.png")
tables["bound"] = [
    ["", "reconstruction, nats", "KL, nats", "minus ELBO"],
    *(
        [title, f"{each['reconstruction'][-1]:.1f}", f"{each['kl'][-1]:.1f}",
         f"{each['reconstruction'][-1] + each['kl'][-1]:.1f}"]
        for title, each in histories.items()
    ),
]  # fmt: skip

# %% [markdown]
# ### How likely are test images?
#
# The bound of one code is loose; of many, weighted by how well they explain the image, it comes
# close to the likelihood.

# %%
asked, samples = recipe.likelihood
counts = [count for count in (1, 10, 100, 500) if count <= samples]
nats = measures.bounds_by_samples(vae, x_test[:asked], counts, settings.seed)
tables["likelihood"] = [
    ["codes", *map(str, counts)],
    ["nats of a test image", *(f"{each:.2f}" for each in nats)],
]
measure_plots.bounds(counts, nats, figures / "importance_weights.png")
print(" | ".join(tables["likelihood"][1]))

# %% [markdown]
# ### Told the class
#
# Encoder and decoder get the class as well; then the code need not hold it, and one can ask for it.

# %%
conditional_vae = generative.vae(
    image_shape,
    recipe.code,
    classes=info.classes,
    filters=recipe.filters,
    units=recipe.units,
    seed=settings.seed,
)
conditional_vae.compile(adamw(recipe.epochs * steps, 2e-3, weight_decay=0.0), jit_compile=False)
with courses.timed(seconds, "conditional VAE"):
    conditional_vae.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
conditional_decoder = generative.pixel_decoder(conditional_vae.decoder)
sample_plots.class_sheet(
    latent.classes_by_noise(conditional_decoder, info.classes, seed=settings.seed),
    info.class_names,
    figures / "conditional_vae.png",
)

# %% [markdown]
# ### The space of codes
#
# From one test image to another, from noise to noise, and along single numbers: first those that
# the code uses most.

# %%
first_of = [int(np.flatnonzero(y_test == kind)[0]) for kind in range(4)]
pairs = [(first_of[0], first_of[1]), (first_of[2], first_of[3])]
image_rows(
    {
        f"{info.class_names[y_test[a]]} to {info.class_names[y_test[b]]}": latent.between_images(
            vae.encoder, decoder, x_test[a], x_test[b]
        )
        for a, b in pairs
    }
    | {f"noise {n + 1}": way for n, way in enumerate(latent.ways(decoder, (1, 2, 3)))},
    figures / "interpolations.png",
)
most = np.argsort(latent.used_numbers(vae.encoder, x_test))[::-1][:5]
image_rows(latent.number_walks(decoder, [int(each) for each in most]), figures / "walks.png")

# %% [markdown]
# ## Adversarial networks
#
# A generator paints noise, a discriminator tells its images from real ones, and each is the other's
# loss. DCGAN first.

# %%
gan = generative.dcgan(image_shape, recipe.noise, filters=recipe.gan_filters, seed=settings.seed)
gan.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), jit_compile=False)
during["DCGAN"] = progress.Snapshots(every=max(1, recipe.epochs // 20), seed=settings.seed)
with courses.timed(seconds, "DCGAN"):
    gan.fit(
        x,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        callbacks=[during["DCGAN"]],
        verbose=2,
    )

# %% [markdown]
# ### Wasserstein, with a gradient penalty
#
# The critic gives a number, not a probability, and is held to a slope of 1: its loss says how far
# both distributions are apart, and a generator far away still has a gradient.

# %%
critic_game = generative.wgan_gp(
    image_shape,
    recipe.noise,
    filters=recipe.gan_filters,
    critic_steps=recipe.critic_steps,
    seed=settings.seed,
)
critic_game.compile(keras.optimizers.Adam(4e-4, beta_1=0.0, beta_2=0.9), jit_compile=False)
during["WGAN-GP"] = progress.Snapshots(every=max(1, recipe.epochs // 20), seed=settings.seed)
with courses.timed(seconds, "WGAN-GP"):
    critic_game.fit(
        x,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        callbacks=[during["WGAN-GP"]],
        verbose=2,
    )

# %% [markdown]
# ### Told the class

# %%
conditional_gan = generative.dcgan(
    image_shape,
    recipe.noise,
    classes=info.classes,
    filters=recipe.gan_filters,
    seed=settings.seed,
)
conditional_gan.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), jit_compile=False)
with courses.timed(seconds, "conditional GAN"):
    conditional_gan.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
conditional_gan.generator.save(settings.out / "generator.keras")
sample_plots.class_sheet(
    latent.classes_by_noise(conditional_gan.generator, info.classes, seed=settings.seed),
    info.class_names,
    figures / "conditional_gan.png",
)

# %% [markdown]
# ### Collapse: provoked, seen, cured
#
# The generator takes steps fifty times as large as the discriminator's. Nothing tells it to make
# different images: all of them follow the discriminator to what passes for real at the moment. A
# classifier that counts classes sees it, and so does the spread of the features. The cures: equal
# rates, and a critic whose slope is held.

# %%
watched: dict[str, collapse.Watched] = {}
for name in collapse.GAMES:
    game = collapse.game(name, image_shape, recipe, settings.seed)
    watch = collapse.Watch(judge, every=max(1, recipe.epochs // 20), seed=settings.seed)
    with courses.timed(seconds, f"collapse: {name}"):
        game.fit(
            x, batch_size=recipe.batch_size, epochs=recipe.epochs, callbacks=[watch], verbose=0
        )
    watched[name] = watch.watched
tables["collapse"] = collapse.collapse_table(list(watched.items()))
for row in tables["collapse"]:
    print(" | ".join(row))
measure_plots.collapse(watched, figures / "collapse.png")
image_rows({name: each.images[-1] for name, each in watched.items()}, figures / "collapsed.png")

# %% [markdown]
# ## Diffusion
#
# A network finds the noise in an image. Asked again and again, it makes an image of noise alone.
# Its loss is a mean squared error, and there is no opponent. The weights are averaged over the last
# steps: without it samples are far worse.

# %%
diffusion = generative.diffusion(
    image_shape, classes=info.classes, filters=recipe.unet_filters, seed=settings.seed
)
diffusion.compile(
    adamw(
        2 * recipe.epochs * steps,
        2e-3,
        weight_decay=0.0,
        ema_momentum=0.5 if trial else 0.99,
    ),
    jit_compile=False,
)
during["diffusion"] = progress.Snapshots(every=max(1, recipe.epochs // 10), seed=settings.seed)
with courses.timed(seconds, "diffusion"):
    diffusion.fit(
        x,
        y,
        batch_size=recipe.batch_size,
        epochs=2 * recipe.epochs,
        callbacks=[during["diffusion"]],
        verbose=2,
    )
diffusion.denoiser.save(settings.out / "denoiser.keras")

# %% [markdown]
# ### How many steps?
#
# It learned 1,000; DDIM leaves most of them out.

# %%
tried = (2, 4) if trial else (5, 10, 20, 50, 100)
by_steps = sampling.by_steps(
    diffusion.denoiser, judge, tried, min(len(judge.real), 1000), settings.seed
)
tables["steps"] = sampling.steps_table(by_steps)
for row in tables["steps"]:
    print(" | ".join(row))
measure_plots.steps(by_steps, figures / "steps.png")
way = sampling.on_the_way(diffusion.denoiser, steps=4 if trial else 50, seed=settings.seed)
image_rows(
    {f"{info.class_names[n % info.classes]}": row for n, row in enumerate(way)},
    figures / "on_the_way.png",
)
sample_plots.class_sheet(
    latent.classes_by_noise(
        diffusion.denoiser, info.classes, seed=settings.seed, steps=recipe.steps
    ),
    info.class_names,
    figures / "conditional_diffusion.png",
)

# %% [markdown]
# ## While they learn
#
# The same noise, again and again: a strip for the page, an animation beside the models.

# %%
for name, each in during.items():
    title = name.lower().replace("-", "_")
    sample_plots.strip(each.epochs, each.images, figures / f"during_{title}.png")
    sample_plots.animation(each.images, settings.out / f"during_{title}.gif")

# %% [markdown]
# ## A code of whole numbers
#
# A VQ-VAE replaces each vector of its code's map by the nearest of a codebook. Then an image is a
# few whole numbers, like words, and a second network learns which follow which.

# %%
vectors, dimensions = recipe.codebook
vq = generative.vq_vae(
    image_shape, dimensions, codes=vectors, filters=recipe.filters, seed=settings.seed
)
vq.compile(adamw(recipe.epochs * steps, 2e-3, weight_decay=0.0), jit_compile=False)
with courses.timed(seconds, "VQ-VAE"):
    vq.fit(x, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
numbers = vq.numbers(x.astype("float32"))
units, layers = recipe.prior
prior = generative.code_prior(numbers.shape[1:], vectors, units=units, layers=layers)
prior.compile(
    adamw(recipe.epochs * steps, 2e-3, weight_decay=0.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False,
)
with courses.timed(seconds, "prior"):
    prior.fit(numbers, numbers, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
image_rows(
    {
        "image": x_test[:10],
        "its code": vq.images(vq.numbers(x_test[:10].astype("float32"))),
        "drawn": vq.images(generative.sample_codes(prior, 10, settings.seed)),
    },
    figures / "vq_vae.png",
)
used = len(np.unique(numbers))
print(f"{used} of {vectors} vectors are used; an image is {numbers[0].size} numbers")

# %% [markdown]
# ## All of them, in the same time
#
# As many parameters, as many seconds of training, several seeds; and keras-io's DCGAN beside them.

# %%
names = ("VAE", "DCGAN") if trial else tuple(generators.METHODS)
seeds = range(settings.seed, settings.seed + recipe.seeds)
made: dict[str, list[generators.Generator]] = {}
found = {"real images": [floor]}
for name in names:
    for seed in seeds:
        one = generators.make(name, x, y, recipe, seed)
        made.setdefault(name, []).append(one)
        found.setdefault(name, []).append(
            measures.quality(judge, one.draw(len(judge.real), settings.seed))
        )
        print(f"{name}: {found[name][-1]}", flush=True)
tables["quality"] = measures.quality_table(found)
firsts = {name: each[0] for name, each in made.items()}
tables["cost"] = measures.cost_table(
    made,
    {name: measures.reconstruction(one, x_test, y_test) for name, one in firsts.items()},
    {
        name: measures.likelihood(
            one.trainer,
            x_test[:asked],
            y_test[:asked] if one.trainer.classes else None,
            samples,
            settings.seed,
        )
        for name, one in firsts.items()
        if isinstance(one.trainer, generative.VAE)
    },
)
for row in [*tables["quality"], *tables["cost"]]:
    print(" | ".join(row))
measure_plots.fidelity_and_variety(found, figures / "fidelity_and_variety.png")
drawn = {name: one.draw(max(10, len(judge.others)), settings.seed) for name, one in firsts.items()}
image_rows(
    {"real images": judge.others[:10]} | {name: each[:10] for name, each in drawn.items()},
    figures / "samples.png",
)

# %% [markdown]
# ## Learned by heart?
#
# The nearest training image of each, and how much nearer that is than real images are that nobody
# was shown: 0.5 is honest, 1 is a copier.

# %%
copied = {
    name: memorised.copies(each[:1000], x, judge.others[:1000]) for name, each in drawn.items()
}
tables["copies"] = memorised.copying_table(copied)
shown = [name for name in ("VAE", "DCGAN", "conditional diffusion") if name in copied]
sample_plots.nearest({name: copied[name] for name in shown}, figures / "nearest.png")

# %% [markdown]
# ## To the device
#
# The judge; the VAE's decoder; the generator and the denoiser, which are told the class. Noise is
# an input: the runtime draws it from a seed, and the same seed is the same image here and there.
#
#     python -m deploy.runtime generate OUT/deploy/cpu/generator --seed 7 --count 16 --out sheet.png
#     python -m deploy.runtime generate OUT/deploy/cpu/generator --seed 7 --class 3 --out three.png
#     python -m deploy.runtime generate OUT/deploy/cpu/denoiser --seed 7 --steps 10 --out sheet.png
#     python -m deploy.runtime generate OUT/deploy/cpu/decoder --seed 7 --to-seed 8 --out way.png

# %%
cards = courses.export(
    settings,
    settings.out / "model.keras",
    "judge",
    calibration=x[:384],
    class_names=info.class_names,
    test=(x_test, y_test),
)
networks = {
    "decoder": decoder,
    "generator": conditional_gan.generator,
    "denoiser": diffusion.denoiser,
}
generated_by = {}
for name, network in networks.items():
    told = device.task(network, recipe.steps)
    generated_by[name] = courses.export(
        settings,
        settings.out / f"{name}.keras",
        name,
        calibration=device.calibration(network, x[:384], y[:384], recipe.steps, settings.seed),
        class_names=info.class_names if "class" in told else None,
        task=told,
    )

# %% [markdown]
# The same noise in Keras and on each target, before the same judge.

# %%
count = min(len(judge.real), 1000)
painted = {}
for name, network in networks.items():
    painted[name] = {
        "Keras": generators.drawing(network, recipe.steps)(count, settings.seed),
    } | {
        target: device.painted(
            settings.out / "deploy" / target / name, count, channels, settings.seed
        )
        for target in settings.targets
    }
tables["deployed"] = device.device_table(generated_by, painted, judge)
for row in tables["deployed"]:
    print(" | ".join(row))
image_rows(
    {
        f"{name}, {place}": images[:10]
        for name, each in painted.items()
        for place, images in each.items()
        if place in ("Keras", settings.targets[0])
    },
    figures / "deployed.png",
)

# %% [markdown]
# ## The verdict

# %%
courses.write_metrics(
    settings,
    cards,
    dataset=info.name,
    epochs=epochs,
    parameters=model.count_params(),
    training_seconds=round(seconds["judge"], 1),
    history=history.history,
    test_accuracy=cards[0]["quality"]["keras"],
    seconds={name: round(each, 1) for name, each in seconds.items()},
    tables=tables,
)

# %% [markdown]
# ## What was learnt
#
# - A VAE has a likelihood, an encoder and a calm training; its images are means, which are soft.
# - A GAN has sharp images in one pass and no likelihood; nothing in its loss asks for variety.
# - Diffusion has a plain loss, variety and quality, and is paid for with steps on the device.
# - A code of whole numbers turns images into sentences: what follows is a matter of a prior.
# - One number can't rank generators: ask for quality and variety apart, against the floor that real
#   images set, and look at the nearest training image.
# - Randomness that comes in as an input can be drawn anywhere: a seed is an image.
#
# Now open `exercises.py`: each of these steps is there to be written by hand.
