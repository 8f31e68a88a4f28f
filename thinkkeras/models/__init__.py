"""Functional model builders, in the vocabulary of `keras.applications`.

They are made of the blocks in `thinkkeras.models.blocks`.
"""

from thinkkeras.models.backbones import lite_backbone
from thinkkeras.models.classification import (
    alexnet,
    convnet,
    densenet,
    ds_cnn,
    efficientnet_lite0,
    googlenet,
    lenet5,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    resnet,
    squeezenet,
    vgg,
)
from thinkkeras.models.detection import (
    decoding_config,
    edge_model,
    retinanet,
    yolact_tiny,
    yolo_tiny,
    yolo_v8,
)
from thinkkeras.models.generative import (
    GAN,
    VAE,
    VQVAE,
    Diffusion,
    code_prior,
    dcgan,
    denoising_unet,
    diffusion,
    gan_discriminator,
    gan_generator,
    pixel_decoder,
    vae,
    vae_decoder,
    vae_encoder,
    vq_vae,
    wgan_gp,
)
from thinkkeras.models.image_to_image import style_net
from thinkkeras.models.metric_learning import (
    embedding_net,
    prototypical_logits,
    siamese_net,
)
from thinkkeras.models.mlp import mlp
from thinkkeras.models.representation import (
    autoencoder,
    contractive_autoencoder,
    contrastive_net,
    conv_autoencoder,
    masked_autoencoder,
    masked_encoder,
    projection_head,
)
from thinkkeras.models.residual_net import residual_net
from thinkkeras.models.segmentation import deeplab_v3_plus, unet
from thinkkeras.models.sequence import crnn, ctc_net, dna_net, text_classifier
from thinkkeras.models.translation import (
    attention_translator,
    attention_translator_parts,
    transformer_translator,
    transformer_translator_parts,
)

__all__ = [
    "GAN",
    "VAE",
    "VQVAE",
    "Diffusion",
    "alexnet",
    "attention_translator",
    "attention_translator_parts",
    "autoencoder",
    "code_prior",
    "contractive_autoencoder",
    "contrastive_net",
    "conv_autoencoder",
    "convnet",
    "crnn",
    "ctc_net",
    "dcgan",
    "decoding_config",
    "deeplab_v3_plus",
    "denoising_unet",
    "densenet",
    "diffusion",
    "dna_net",
    "ds_cnn",
    "edge_model",
    "efficientnet_lite0",
    "embedding_net",
    "gan_discriminator",
    "gan_generator",
    "googlenet",
    "lenet5",
    "lite_backbone",
    "masked_autoencoder",
    "masked_encoder",
    "mlp",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "pixel_decoder",
    "projection_head",
    "prototypical_logits",
    "residual_net",
    "resnet",
    "retinanet",
    "siamese_net",
    "squeezenet",
    "style_net",
    "text_classifier",
    "transformer_translator",
    "transformer_translator_parts",
    "unet",
    "vae",
    "vae_decoder",
    "vae_encoder",
    "vgg",
    "vq_vae",
    "wgan_gp",
    "yolact_tiny",
    "yolo_tiny",
    "yolo_v8",
]
