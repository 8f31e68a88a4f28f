"""Networks that make examples: variational autoencoders, adversarial networks, diffusion."""

from thinkkeras.models.generative.diffusion import (
    Diffusion,
    denoising_unet,
    diffusion,
    noise_predictor,
)
from thinkkeras.models.generative.gan import (
    GAN,
    dcgan,
    gan_discriminator,
    gan_generator,
    wgan_gp,
)
from thinkkeras.models.generative.gradients import input_gradient
from thinkkeras.models.generative.noise import (
    cosine_schedule,
    linear_schedule,
    noised,
    pixels,
    sample_diffusion,
    signal_to_noise,
    taken_steps,
    time_embedding,
)
from thinkkeras.models.generative.trainer import GenerativeTrainer
from thinkkeras.models.generative.vae import (
    VAE,
    binarized,
    log_weights,
    pixel_decoder,
    vae,
    vae_decoder,
    vae_encoder,
)
from thinkkeras.models.generative.vq_vae import VQVAE, code_prior, sample_codes, vq_vae

__all__ = [
    "GAN",
    "VAE",
    "VQVAE",
    "Diffusion",
    "GenerativeTrainer",
    "binarized",
    "code_prior",
    "cosine_schedule",
    "dcgan",
    "denoising_unet",
    "diffusion",
    "gan_discriminator",
    "gan_generator",
    "input_gradient",
    "linear_schedule",
    "log_weights",
    "noise_predictor",
    "noised",
    "pixel_decoder",
    "pixels",
    "sample_codes",
    "sample_diffusion",
    "signal_to_noise",
    "taken_steps",
    "time_embedding",
    "vae",
    "vae_decoder",
    "vae_encoder",
    "vq_vae",
    "wgan_gp",
]
