"""The semi-supervised convolutional net of Huang et al. (2014), and the features of its stages."""

from collections.abc import Sequence
from typing import Literal, TypedDict, get_args

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.disentangling import Disentangling
from ser_keras.models.layers.normalised_sigmoid import NormalisedSigmoid
from ser_keras.models.layers.pca import Pca
from ser_keras.models.layers.sparse_autoencoder import Decoder
from ser_keras.models.layers.sparse_kernels import SparseKernels
from ser_keras.models.layers.standardization import Standardization

Stage = Literal["raw", "k1", "k2", "lif"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Scale = Literal["none", "inputs", "pairs"]
SCALES: tuple[Scale, ...] = get_args(Scale)


class Autoencoder(TypedDict):
    """Settings of the auto-encoders, as `SparseKernels` takes them."""

    decoder: Decoder
    sparsity: float
    sparsity_weight: float
    contractive: float
    share: float
    n_patches: int
    epochs: int
    seed: int


@keras.saving.register_keras_serializable("ser_keras")
class SemiCnn(keras.Model):
    """A functional model with the semi-supervised loss of Huang et al. (2014), equation 10; see `huang2014_semi_cnn`.

    The outputs of its layers `disentangling` and `logits` give the loss: compile the model without a loss. A metric of
    only the labelled examples is a weighted one (`weighted_metrics`).

    Attributes:
        loss_factors: what each term of `loss_terms` is multiplied by.
    """

    # As printed.
    loss_factors: dict[str, float] = {
        "reconstruction": 1.0,
        "discrimination": 1.0,
        "saliency": -1.0,
        "orthogonality": 2.0,
    }

    def loss_terms(
        self, x: keras.KerasTensor, y: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> dict[str, keras.KerasTensor]:
        """The terms of the loss, each its mean over the batch, before weights and scales.

        Args:
            x: features, [B, ...].
            y: [B] int classes; -1: unknown.
            sample_weight: [B], or None.

        Returns:
            Scalars: `reconstruction` (squared error), `discrimination` (summed binary cross-entropies, 0 for an
            unlabelled example), `saliency` (1/2 sum_k h_k w_k^2), `orthogonality`.
        """
        layer, classes = self.get_layer("disentangling"), self.get_layer("logits")
        candidates = self.get_layer("standardised").input
        # Not kept: as an attribute it would be saved as a second model.
        inner = keras.Function(self.input, [candidates, layer.input, *layer.output, classes.output])
        candidates, standardised, phi_e, phi_o, reconstruction, logits = (ops.cast(t, "float32") for t in inner(x))
        y = ops.cast(ops.reshape(y, (-1,)), "int32")
        labelled = ops.cast(y >= 0, "float32")
        n = ops.cast(ops.shape(logits)[0], "float32")
        weights = labelled * 0 + 1 if sample_weight is None else ops.reshape(sample_weight, (-1,))
        weights = ops.cast(weights, "float32") / n
        target = ops.one_hot(ops.maximum(y, 0), logits.shape[-1])
        of_classes = ops.sum(ops.binary_crossentropy(target, logits, from_logits=True), axis=1)
        return {
            "reconstruction": ops.sum(weights * ops.sum(ops.square(candidates - reconstruction), axis=1)),
            "discrimination": ops.sum(weights * labelled * of_classes),
            "saliency": layer.saliency(
                standardised,
                phi_e=phi_e,
                phi_o=phi_o,
                reconstruction=reconstruction,
                z=ops.sigmoid(logits),
                class_kernel=classes.kernel,
                weights=weights,
                labelled=labelled,
            ),
            "orthogonality": ops.sum(weights * layer.orthogonality(phi_e, phi_o)),
        }

    def compute_loss(
        self,
        x: keras.KerasTensor = None,
        y: keras.KerasTensor = None,
        y_pred: keras.KerasTensor = None,
        sample_weight: keras.KerasTensor | None = None,
        training: bool = True,
    ) -> keras.KerasTensor:
        """Equation 10, from features and labels; the predictions alone don't say enough."""
        return sum(self.loss_factors[name] * term for name, term in self.loss_terms(x, y, sample_weight).items())

    def compute_metrics(
        self,
        x: keras.KerasTensor,
        y: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> dict[str, float]:
        """As Keras does; weighted metrics leave out the unlabelled examples."""
        labelled = ops.cast(ops.reshape(y, (-1,)) >= 0, "float32")
        if sample_weight is not None:
            labelled = labelled * ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        return super().compute_metrics(x, y, y_pred, labelled)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "loss_factors": dict(self.loss_factors)}

    @classmethod
    def from_config(cls, config: dict[str, object], custom_objects: dict[str, object] | None = None) -> "SemiCnn":
        factors = config["loss_factors"]
        model = super().from_config({k: v for k, v in config.items() if k != "loss_factors"}, custom_objects)
        model.loss_factors = factors
        return model


def huang2014_semi_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    salient: int = 300,
    nuisance: int = 300,
    saliency: float = 1.0,
    saliency_sign: Literal[-1, 1] = -1,
    orthogonality: float = 2.0,
    reconstruction_scale: Scale = "inputs",
    saliency_scale: Scale = "inputs",
    orthogonality_scale: Scale = "pairs",
    max_norm: float | None = 3.0,
    n_components: int = 60,
    n_kernels: int = 60,
    heights: Sequence[int] = (6, 10),
    decoder: Decoder = "linear",
    sparsity: float = 0.05,
    sparsity_weight: float = 3.0,
    contractive: float = 0.0,
    share: float = 1 / 3,
    n_patches: int = 100_000,
    autoencoder_epochs: int = 10,
    autoencoder_seed: int = 0,
) -> keras.Model:
    """The semi-supervised net: candidate features y of sparse kernels, separated into salient and nuisance features.

    Stage 1 is adapted, not trained: principal components, whitened; the fragment's values less their mean, by their
    deviation; kernels of a sparse auto-encoder for each height; sigmoid; means of two neighbouring positions. Stage 2,
    `Disentangling` of y standardised by training data (sparse codes hardly move it), is trained by

        ||y - y~||^2 + L_DISC + saliency_sign * saliency * S + orthogonality * J_orth

    where L_DISC are the cross-entropies of one sigmoid a class and S = 1/2 sum_k h_k w_k^2. Examples labelled -1 count
    in all but what concerns classes. The layers `phi_e` and `phi_o` are what the paper's SVM is fitted to.

    Reference: Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, section 2.

    Args:
        input_shape: (frames, bins) or (frames, bins, 1) of a log-magnitude spectrogram: a fragment, 15 frames there.
        n_classes: number of classes.
        salient, nuisance: units of phi_e and of phi_o. The paper has 600 in all.
        saliency: lambda1; 0: no_s.
        saliency_sign: -1, as equation 8 prints it: saliency is rewarded; or 1.
        orthogonality: lambda2; 0: no_or.
        reconstruction_scale, saliency_scale, orthogonality_scale: what the term is divided by: `none` (as printed),
            `inputs` (the number of candidate features) or `pairs` (of a salient and a nuisance unit).
        max_norm: greatest length of a hidden unit's weights; None: no limit.
        n_components: principal components of a frame's spectrum.
        n_kernels: kernels of each height.
        heights: frames that kernels span.
        decoder, sparsity, sparsity_weight, contractive, share, n_patches: see `SparseKernels`.
        autoencoder_seed: its `seed`.
        autoencoder_epochs: how often the auto-encoders see each patch.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32: the sigmoids of the classes, scaled to the sum 1.

    Raises:
        SerKerasError: fragments too short for the kernels, more components than bins, or a value out of range.
    """
    if saliency_sign not in (-1, 1) or saliency < 0 or orthogonality < 0:
        raise SerKerasError(
            f"huang2014_semi_cnn: saliency_sign {saliency_sign} must be -1 or 1, saliency {saliency} and orthogonality "
            f"{orthogonality} at least 0"
        )
    scales = {"reconstruction": reconstruction_scale, "saliency": saliency_scale, "orthogonality": orthogonality_scale}
    for term, scale in scales.items():
        if scale not in SCALES:
            raise SerKerasError(
                f"huang2014_semi_cnn: {term}_scale is '{scale}'; nearest: {nearest(str(scale), SCALES)}"
            )
    inputs = keras.Input(input_shape, name="features")
    x = normalised_fragment(inputs, n_components)
    autoencoder: Autoencoder = {
        "decoder": decoder,
        "sparsity": sparsity,
        "sparsity_weight": sparsity_weight,
        "contractive": contractive,
        "share": share,
        "n_patches": n_patches,
        "epochs": autoencoder_epochs,
        "seed": autoencoder_seed,
    }
    y = local_invariant_features(x, n_kernels, heights, autoencoder=autoencoder)
    # Our choice: sparse codes are .05 on average, with a deviation of .03: unscaled, the units behind hardly move.
    x = Standardization(name="standardised")(y)
    phi_e, phi_o, _ = Disentangling(salient, nuisance, max_norm, mean=sparsity, name="disentangling")(x)
    phi_e = keras.layers.Identity(dtype="float32", name="phi_e")(phi_e)
    phi_o = keras.layers.Identity(dtype="float32", name="phi_o")(phi_o)
    # The classes take phi_e alone. phi_o passes by so that its layer is part of the model, for a head to be fitted to.
    phi = keras.layers.Concatenate(dtype="float32", name="phi")([phi_e, phi_o])
    logits = keras.layers.Dense(n_classes, dtype="float32", name="logits")(phi[:, :salient])
    model = SemiCnn(inputs, NormalisedSigmoid(dtype="float32", name="probabilities")(logits), name="classifier")
    divisors = dict(zip(SCALES, (1, y.shape[-1], salient * nuisance), strict=True))
    weights = {"reconstruction": 1.0, "saliency": saliency_sign * saliency, "orthogonality": orthogonality}
    factors = {term: weight / divisors[scales[term]] for term, weight in weights.items()}
    model.loss_factors = {**factors, "discrimination": 1.0}
    return model


def huang2014_features(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    stage: Stage = "lif",
    n_components: int = 60,
    n_kernels: int = 60,
    heights: Sequence[int] = (6, 10),
    decoder: Decoder = "linear",
    sparsity: float = 0.05,
    sparsity_weight: float = 3.0,
    contractive: float = 0.0,
    share: float = 1 / 3,
    n_patches: int = 100_000,
    autoencoder_epochs: int = 10,
    autoencoder_seed: int = 0,
) -> keras.Model:
    """The features before the semi-supervised layer, for a head: adapted, never trained.

    `raw` is the normalised fragment, `k1` and `k2` the first and second auto-encoder's code of consecutive patches that
    do not overlap (frames that remain behind the last patch are not used), `lif` the local invariant features y.

    Reference: Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, sections 2.1, 3.2.

    Args:
        input_shape: see `huang2014_semi_cnn`.
        n_classes: not used; every builder takes it.
        stage: `raw`, `k1`, `k2` or `lif`.
        n_components, n_kernels, heights: see `huang2014_semi_cnn`.
        decoder, sparsity, sparsity_weight, contractive, share, n_patches: likewise.
        autoencoder_epochs, autoencoder_seed: likewise.

    Input:
        [B, *input_shape].

    Output:
        [B, D] features, not probabilities: as printed D is 900 (raw), 120 (k1), 60 (k2) or 480 (lif).

    Raises:
        SerKerasError: an unknown stage, fragments too short for the kernels, or more components than bins.
    """
    if stage not in STAGES or (stage == "k2" and len(heights) < 2):
        raise SerKerasError(
            f"huang2014_features: no stage '{stage}' of heights {heights}; nearest: {nearest(stage, STAGES)}"
        )
    inputs = keras.Input(input_shape, name="fragment")
    x = normalised_fragment(inputs, n_components)
    autoencoder: Autoencoder = {
        "decoder": decoder,
        "sparsity": sparsity,
        "sparsity_weight": sparsity_weight,
        "contractive": contractive,
        "share": share,
        "n_patches": n_patches,
        "epochs": autoencoder_epochs,
        "seed": autoencoder_seed,
    }
    if stage in ("k1", "k2"):
        height = heights[STAGES.index(stage) - 1]
        x = SparseKernels(n_kernels, height, stride=height, name=f"kernels{height}", **autoencoder)(x)
    elif stage == "lif":
        x = local_invariant_features(x, n_kernels, heights, autoencoder=autoencoder)
    x = keras.layers.Flatten(dtype="float32", name="features")(x)
    return keras.Model(inputs, x, name="classifier")


def normalised_fragment(x: keras.KerasTensor, n_components: int) -> keras.KerasTensor:
    """Log-magnitude fragments [B, T, F] or [B, T, F, 1] to whitened components of mean 0, deviation 1: [B, T, D].

    Whitening is of the training data; mean and deviation are of the fragment's own T x D values, and take its loudness
    away. Our choice: the paper says "normalized spectrogram fragments" and no more.
    """
    if len(x.shape) not in (3, 4) or (len(x.shape) == 4 and x.shape[3] != 1):
        raise SerKerasError(f"huang2014: takes fragments [T, F] or [T, F, 1], not {x.shape[1:]}; use log_spectrogram")
    x = keras.layers.Reshape(x.shape[1:3], name="fragment_of_one_channel")(x) if len(x.shape) == 4 else x
    x = Pca(n_components, whiten=True, name="whitened")(x)
    # A fragment without any deviation is 0.
    return keras.layers.LayerNormalization(axis=(1, 2), center=False, scale=False, epsilon=1e-5, name="normalised")(x)


def local_invariant_features(
    x: keras.KerasTensor, n_kernels: int, heights: Sequence[int], *, autoencoder: Autoencoder
) -> keras.KerasTensor:
    """Normalised fragments [B, T, D] to candidate features y: the kernels' maps, means of two positions, in a row."""
    maps = []
    for height in heights:
        each = SparseKernels(n_kernels, height, name=f"kernels{height}", **autoencoder)(x)
        each = keras.layers.AveragePooling1D(2, name=f"pool{height}")(each)
        maps.append(keras.layers.Flatten(name=f"flatten{height}")(each))
    return keras.layers.Concatenate(name="lif")(maps) if len(maps) > 1 else maps[0]
