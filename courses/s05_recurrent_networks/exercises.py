"""Session 5, exercises: write the functions below, in any order, then grade them with

    python -m courses check s05

A function that is not written yet counts as "to do", whatever the others do. All but the last are
NumPy and plain Python. Cells are checked step by step against Keras's own, gradients against
finite differences, scores against `sacrebleu`.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np


def lstm_step(
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of an LSTM, as `keras.layers.LSTMCell`.

    With z = x kernel + h recurrent_kernel + bias, cut along its last axis into four parts of
    `units` columns, in this order, z_i, z_f, z_c, z_o:

        input gate    i = sigmoid(z_i)        new cell state    c' = f * c + i * tanh(z_c)
        forget gate   f = sigmoid(z_f)        new output        h' = o * tanh(c')
        output gate   o = sigmoid(z_o)

    Sums may be as large as ±1000: nothing overflows, no warning.

    Args:
        x: inputs of the step (batch, features).
        h: outputs of the step before (batch, units).
        c: cell states of the step before (batch, units).
        kernel: (features, 4 * units).
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,).

    Returns:
        (h', c'), both (batch, units).

    Example:
        With all weights and biases 0, x of any value, h = 0 and c = 2: every gate is a half,
        c' = 1 and h' = tanh(1) / 2 = 0.3808.
    """
    raise NotImplementedError


def gru_step(
    x: np.ndarray,
    h: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
) -> np.ndarray:
    """One step of a GRU, as `keras.layers.GRUCell` (with its default `reset_after=True`).

    With a = x kernel + bias[0] and b = h recurrent_kernel + bias[1], each cut into three parts of
    `units` columns, in this order, z, r and n:

        update gate   z = sigmoid(a_z + b_z)
        reset gate    r = sigmoid(a_r + b_r)
        candidate     n = tanh(a_n + r * b_n)
        new output    h' = z * h + (1 - z) * n

    Args:
        x: inputs of the step (batch, features).
        h: outputs of the step before (batch, units).
        kernel: (features, 3 * units).
        recurrent_kernel: (units, 3 * units).
        bias: (2, 3 * units): the input's, then the recurrent one.

    Returns:
        h', (batch, units).

    Example:
        With all weights and biases 0 and h = 2: z is a half, the candidate 0, and h' = 1.
    """
    raise NotImplementedError


def backpropagation_through_time(
    x: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray, output_gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of a simple recurrent network's two kernels, by the chain rule, step by step.

    The network, without biases, from h_0 = 0, for t = 1 ... T:

        h_t = tanh(x_t kernel + h_{t-1} recurrent_kernel)

    A loss is known by its gradient at every output: output_gradient[t - 1] is dL/dh_t as far as
    the loss sees h_t itself. What h_t does to the loss through h_{t+1} is yours to add.

    Args:
        x: the inputs of one sequence (T, features).
        kernel: (features, units).
        recurrent_kernel: (units, units).
        output_gradient: (T, units).

    Returns:
        (dL/dkernel, dL/drecurrent_kernel), of the kernels' shapes.

    Example:
        One step, x = 1, kernel 0, output_gradient 3: h_1 = 0, tanh'(0) = 1, so the gradients are
        [[3]] and [[0]].
    """
    raise NotImplementedError


def attention(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled dot-product attention that leaves out padding.

    A query's score for a key is their dot product over the root of the number of dimensions. Its
    weights are the softmax of the scores over the valid keys; a key that is not valid has weight 0.
    What comes out is the values' sum, each times its weight. Scores may be in the thousands.

    Args:
        queries: (queries, dimensions).
        keys: (keys, dimensions).
        values: (keys, channels).
        valid: which keys are no padding, bool (keys,); at least one.

    Returns:
        (outputs, weights), (queries, channels) and (queries, keys).

    Example:
        A query that is 0 looks at all valid keys alike: its output is their values' mean.
    """
    raise NotImplementedError


def beam_search(
    log_probabilities: Callable[[tuple[int, ...]], np.ndarray],
    end: int,
    width: int,
    max_length: int,
) -> tuple[tuple[int, ...], float]:
    """The best sequence that a beam of hypotheses finds.

    It begins with one hypothesis, the empty one, (). In each round every hypothesis that is not
    finished is continued by every token; of these, and of the finished ones so far, the `width`
    with the highest sums of log probabilities are kept. A hypothesis is finished when its last
    token is `end`. The search stops when all that are kept are finished, or after `max_length`
    rounds.

    Args:
        log_probabilities: of the next token, (vocabulary,), after the tokens so far; finished
            hypotheses must not be asked about.
        end: the token that ends a sequence.
        width: hypotheses kept; 1 is greedy search.
        max_length: the most tokens, `end` included.

    Returns:
        (tokens, sum): the kept hypothesis with the highest sum, `end` included where it has one,
        and its sum of log probabilities, a float.

    Example:
        Tokens 0 (end), 1, 2. First P(1) = 0.6, P(2) = 0.4; after 1, P(0) = P(1) = 0.5, after 2,
        P(0) = 1. Greedy ends at 1, 0 or worse, with 0.3; two hypotheses find 2, 0 with 0.4.
    """
    raise NotImplementedError


def ctc_collapse(path: Sequence[int], blank: int = 0) -> list[int]:
    """The labels that a path of one symbol a time step stands for (Graves et al., 2006).

    First repeated symbols become one, then blanks go.

    Args:
        path: the symbol of each step.
        blank: the symbol that stands for none.

    Returns:
        The labels, a list of whole numbers.

    Example:
        ctc_collapse([0, 3, 3, 0, 3, 5, 5, 0]) is [3, 3, 5].
    """
    raise NotImplementedError


def ctc_loss(log_probabilities: np.ndarray, labels: Sequence[int], blank: int = 0) -> float:
    """Minus the log of the probability of `labels`: that of all paths that collapse to them.

    The steps are independent of each other, so that a path's probability is the product of its
    symbols'. There are far too many paths to list: use the forward recursion over the labels with
    blanks between, before and after them. Stay in logs, since products of hundreds of
    probabilities are 0 in a float.

    Args:
        log_probabilities: of each symbol at each step, (steps, symbols).
        labels: the labels, without blanks; may be empty, and may repeat.
        blank: the symbol that stands for none.

    Returns:
        The loss, a float; infinity where no path is short enough.

    Example:
        Two steps of two equally likely symbols, blank 0 and 1: three of the four paths collapse
        to [1], so the loss is -log(3/4) = 0.2877.
    """
    raise NotImplementedError


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """The least number of words to substitute, insert and delete, over the words to be said.

    Words are what white space separates. The edits of all sentences are added up, and so are the
    references' words; one is divided by the other. It can be above 1.

    Args:
        hypotheses: what was recognised, a sentence each; may be empty strings.
        references: what was said, as many; together at least one word.

    Returns:
        The rate, a float.

    Example:
        word_error_rate(["five one nine"], ["five nine"]) is 0.5: one word too many, of two.
    """
    raise NotImplementedError


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of a whole test set with one reference a sentence (Papineni et al., 2002), 0 to 100.

    For n = 1, 2, 3, 4: how many n-grams of the hypotheses are right, over how many there are, both
    added up over all sentences. A sentence's n-gram is right as often as it stands in that
    sentence's reference, and no more often (clipping). BLEU is the geometric mean of the four
    precisions, times the brevity penalty min(1, exp(1 - r / c)), where c and r are the words of all
    hypotheses and of all references. It is 0 where a precision is 0, or has nothing to count.

    Words are what white space separates, nothing is lower-cased: `sacrebleu` says the same with
    tokenize="none" and smooth_method="none".

    Args:
        hypotheses: the translations.
        references: the ground truth, as many.

    Returns:
        The score, a float.

    Example:
        bleu(["the cat sat on the mat"], ["the cat sat on a mat"]): precisions 5/6, 3/5, 2/4, 1/3,
        no penalty: 53.73.
    """
    raise NotImplementedError


def log_mel(
    samples: np.ndarray, window: int, hop: int, mel_weights: np.ndarray, floor: float
) -> np.ndarray:
    """The log-mel spectrogram of a recording.

    1. Frame k holds the samples k * hop ... k * hop + window - 1; there are as many frames as fit
       whole.
    2. Each frame is multiplied by the periodic Hann window, 0.5 - 0.5 cos(2 pi n / window) for
       n = 0 ... window - 1.
    3. The power spectrum of a frame is the squared magnitude of its discrete Fourier transform at
       the window // 2 + 1 frequencies from 0 to half the sampling rate.
    4. `mel_weights` sums it up to bins; what is below `floor` becomes `floor`; then the natural
       logarithm.

    Args:
        samples: of one channel, (samples,).
        window: samples of a frame, an even number.
        hop: samples from one frame's start to the next.
        mel_weights: (window // 2 + 1, bins).
        floor: the least power that is told apart from silence.

    Returns:
        (frames, bins).

    Example:
        100 samples of silence, a window of 64, a hop of 16 and floor 1e-6 give 3 frames, all of
        them log(1e-6) = -13.8155.
    """
    raise NotImplementedError


def recurrent_parameters(
    cell: str, features: int, units: Sequence[int], bidirectional: bool = False
) -> int:
    """The weights of a stack of Keras's recurrent layers, biases included.

    With F features in and U units a layer has g (F U + U U + b U) weights: g = 1 and b = 1 for
    "simple", g = 4 and b = 1 for "lstm", g = 3 and b = 2 for "gru" (two biases, as `reset_after`
    needs them). Bidirectional layers hold two such layers, and hand on both their outputs, joined.

    Args:
        cell: "simple", "lstm" or "gru".
        features: of the first layer's input.
        units: of each layer, in each direction.
        bidirectional: whether all layers run both ways.

    Returns:
        The count, a whole number.

    Example:
        recurrent_parameters("lstm", 40, [32]) is 9,344.
    """
    raise NotImplementedError


def build_spotter(input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A recurrent network for a microcontroller, within 16 kB of flash and 6 kB of arena in int8.

    It is converted for `cortex-m`, where an LSTM (with Keras's default activations, no mask, and
    nothing but its output or outputs handed on) becomes one operator, and a GRU hundreds. It must
    tell apart sequences by their order: the grader trains it for a minute on sequences whose
    classes hold the same frames, and asks for 95 % right in int8.

    Args:
        input_shape: (frames, features), small numbers around 0.
        classes: number of classes.

    Returns:
        An uncompiled functional model from (batch, frames, features) to probabilities
        (batch, classes).
    """
    raise NotImplementedError
