"""A vocabulary of pieces of words, learned from texts."""

import io
from collections.abc import Sequence

PADDING, UNKNOWN, START, END = range(4)
SPECIAL = ["[PAD]", "[UNK]", "[START]", "[END]"]
WORD = "▁"  # what a piece begins with that begins a word


def learn_subwords(texts: Sequence[str], size: int) -> list[str]:
    """Learns a vocabulary of byte-pair pieces.

    Frequent words are one piece, "▁man"; rare ones are cut into several, "▁bicy" and "cle". White
    space is part of the pieces: joined, with "▁" as a space, they are the text again.

    Args:
        texts: What to learn from.
        size: How many pieces at most, special ones and single characters included; few texts give
            fewer.

    Returns:
        The pieces: "[PAD]", "[UNK]", "[START]", "[END]", then those learned, the more frequent
        first; every character of the texts is among them.

    Raises:
        ValueError: There are no texts, or more characters than pieces.

    Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword
    Units", ACL 2016; Kudo and Richardson, "SentencePiece", EMNLP 2018.
    """
    import sentencepiece

    characters = len({character for text in texts for character in text})
    if not characters or size < len(SPECIAL) + characters + 1:
        raise ValueError(
            f"expected texts, and a size of at least {len(SPECIAL) + characters + 1} pieces for "
            f"their {characters} characters, received {len(texts)} texts and a size of {size}"
        )
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        pad_id=PADDING,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        pad_piece=SPECIAL[PADDING],
        unk_piece=SPECIAL[UNKNOWN],
        bos_piece=SPECIAL[START],
        eos_piece=SPECIAL[END],
        num_threads=1,
        minloglevel=2,
    )
    learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [learned.id_to_piece(number) for number in range(learned.get_piece_size())]
