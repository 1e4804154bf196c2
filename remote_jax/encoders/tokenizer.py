"""Word-piece tokenizers with the markers of entities and objects (REMOTE Eq. 3)."""

import json
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

from remote_jax.data.files import read_json
from remote_jax.encoders import folder as files
from remote_jax.errors import UserError, reason

# Opening and closing marker of the head and tail in the sentence, then of their captions.
MARKERS = ("<s1>", "</s1>", "<s2>", "</s2>", "<o1>", "</o1>", "<o2>", "</o2>")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROLES = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


COMPONENTS = {
    "normalizer": ("BertNormalizer",),
    "pre_tokenizer": ("BertPreTokenizer",),
    "model": ("WordPiece",),
    "post_processor": ("TemplateProcessing", "BertProcessing"),
    "decoder": ("WordPiece",),
}
"""What a tokenizer.json may be made of: the types that BERT's and those trained here have. Some
others, where they are damaged, bring down the library that reads them."""


def load(name: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a checkpoint of BERT, in a folder or on the hub, with `MARKERS` added.

    Raises UserError if there is none, or it is malformed.
    """
    folder = files.find(name, FILES)
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.txt")):
        raise UserError(f"{folder} has neither tokenizer.json nor vocab.txt")
    if (folder / "tokenizer.json").is_file():
        read_components(folder / "tokenizer.json")
    try:
        tokenizer = BertTokenizerFast.from_pretrained(folder)
    except Exception as error:  # tokenizers raises this class and no other
        raise UserError(f"{folder}: the tokenizer cannot be read: {reason(error)}.") from error
    tokenizer.add_tokens([marker(text) for text in MARKERS], special_tokens=True)
    return tokenizer


def read(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that a run or an export keeps, told by two files of JSON and nothing else.

    Args:
      folder: where `save_pretrained` wrote it.

    Raises UserError if it is not there, or malformed.
    """
    settings = read_json(folder / "tokenizer_config.json", files.MAX_JSON_BYTES)
    special: dict[str, str] = {}
    for role in ROLES:
        token = settings.get(role)
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and not isinstance(token, str):
            raise UserError(f"{folder / 'tokenizer_config.json'}: {role} is no text.")
        special |= {} if token is None else {role: token}
    path = folder / "tokenizer.json"
    content = read_components(path)
    try:
        pieces = Tokenizer.from_str(json.dumps(content))
    except Exception as error:  # tokenizers raises this class and no other
        raise UserError(f"{path}: the tokenizer cannot be read: {reason(error)}.") from error
    return PreTrainedTokenizerFast(tokenizer_object=pieces, **special)


def read_components(path: Path) -> dict[str, Any]:
    """What a tokenizer.json holds.

    Raises UserError if it is not there, is no JSON object, or has a part of another type than
    `COMPONENTS`.
    """
    content = read_json(path, files.MAX_JSON_BYTES)
    for part, types in COMPONENTS.items():
        found = content.get(part)
        if found is None and part != "model":
            continue
        if part == "model" and isinstance(found, dict):
            found.setdefault("type", "WordPiece")  # which the first files of BERT leave out
        kind = found.get("type") if isinstance(found, dict) else found
        if kind not in types:
            raise UserError(
                f"{path}: the {part} is {reprlib.repr(kind)}, expected {' or '.join(types)}, as "
                "the tokenizer of a BERT has it."
            )
    return content


def train(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A lower-casing tokenizer with word pieces of `texts`, special tokens as BERT has them.

    The same texts, in any order, give the same vocabulary. A new word of letters frequent in them
    always has pieces: each such letter is in the vocabulary, to begin a word and to go on.

    Args:
      vocab_size: at most so many tokens, special ones and `MARKERS` included.

    Raises UserError if `vocab_size` has no room for the special tokens and a few letters.
    """
    special = len(SPECIAL) + len(MARKERS)
    room = vocab_size - special
    if room < 4:
        raise UserError(f"a vocabulary of {vocab_size} tokens is too small: {special} are special")
    normalizer, splitter = BertNormalizer(lowercase=True), BertPreTokenizer()
    words = Counter(
        word
        for text in texts
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
    )
    start = [*SPECIAL, *MARKERS, *letters(words, room // 4)]
    pieces = Tokenizer(WordPiece(unk_token="[UNK]"))
    # The trainer numbers letters in no fixed order, and breaks ties by number: here they come first
    # and in order, as tokens that it must keep.
    trainer = WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=start, limit_alphabet=0, show_progress=False
    )
    pieces.train_from_iterator(words.elements(), trainer)
    model = Tokenizer(WordPiece(pieces.get_vocab(), unk_token="[UNK]"))
    model.add_special_tokens([*SPECIAL, *map(marker, MARKERS)])
    model.normalizer, model.pre_tokenizer, model.decoder = normalizer, splitter, WordPieceDecoder()
    ends = [(token, model.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    model.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return BertTokenizerFast(tokenizer_object=model)


def letters(words: Mapping[str, int], most: int) -> list[str]:
    """The `most` frequent letters of counted words, as the first of a word and inside one."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word:
            counts[letter] += count
    kept = sorted(counts, key=lambda letter: (-counts[letter], letter))[:most]
    splitter = BertPreTokenizer()
    inside = [x for x in kept if len(splitter.pre_tokenize_str(x * 2)) == 1]
    return sorted(kept) + sorted(f"##{letter}" for letter in inside)


def marker(text: str) -> AddedToken:
    """A token that no normalisation changes and no piece of a word matches."""
    return AddedToken(text, special=True, normalized=False)
