"""Small models of `transformers`, in folders; some have weights by which their answer is known.

PyTorch is imported inside, since these are made only where it is installed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertTokenizerFast, CLIPTokenizerFast, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?")


def bert_tokenizer(folder: Path, words: Sequence[str]) -> BertTokenizerFast:
    """Whole words, as BERT cuts them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *words]) + "\n", "utf-8")
    return BertTokenizerFast(vocab_file=str(folder / "vocab.txt"))


def clip_tokenizer(folder: Path, words: Sequence[str]) -> CLIPTokenizerFast:
    """Letters, each also at the end of a word."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(set("".join(words)))
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({x: i for i, x in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))


def grounding_dino(folder: Path, labels: Sequence[str]) -> Path:
    """Random weights."""
    import torch
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(0)
    words = bert_tokenizer(folder, labels)
    vision = SwinConfig(
        image_size=32,
        patch_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    small = {"num_attention_heads": 2, "intermediate_size": 16}
    text = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, **small)
    config = GroundingDinoConfig(
        backbone_config=vision,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_layers=1,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        num_queries=20,
        max_text_len=64,
        num_feature_levels=4,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    sizes = {"shortest_edge": 96, "longest_edge": 192}
    GroundingDinoProcessor(GroundingDinoImageProcessor(size=sizes), words).save_pretrained(folder)
    return folder


def owlv2(folder: Path, labels: Sequence[str]) -> Path:
    """Random weights."""
    import torch
    from transformers import (
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessor,
        Owlv2Processor,
    )

    torch.manual_seed(0)
    words = clip_tokenizer(folder, labels)
    words.model_max_length = 16
    small = {"hidden_size": 16, "intermediate_size": 16}
    small |= {"num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**small, "vocab_size": len(words), "max_position_embeddings": 16}
    text |= {"pad_token_id": 0, "eos_token_id": words.eos_token_id}
    vision = {**small, "image_size": 32, "patch_size": 8}
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=16)
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    pictures = Owlv2ImageProcessor(size={"height": 32, "width": 32})
    Owlv2Processor(pictures, words).save_pretrained(folder)
    return folder


def depth_anything(folder: Path, kind: str) -> Path:
    """Its values rise with the brightness of the picture: no weight of it is below zero.

    Args:
        kind: `relative` or `metric`.
    """
    import torch
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessor,
    )

    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=8,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        layerscale_value=0.0,  # what the blocks add is nothing: brightness goes through
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=8,
        neck_hidden_sizes=[4, 4, 4, 4],
        fusion_hidden_size=4,
        head_hidden_size=4,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    model = DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.abs_()
            if "bias" in name or "position" in name or "token" in name:
                weight.zero_()
        model.head.conv3.weight.mul_(1e5)  # to values of about one
    model.save_pretrained(folder)
    size = {"height": 56, "width": 56}
    DPTImageProcessor(size=size, do_normalize=False).save_pretrained(folder)
    return folder


def token_classifier(folder: Path, words: Sequence[str], labels: dict[str, str]) -> Path:
    """A BERT without a block, whose classifier knows each word: `labels`, or O.

    Args:
        words: of the vocabulary, in lower case.
        labels: as B-PER, by the word.
    """
    import torch
    from transformers import BertConfig, BertForTokenClassification

    tokenizer = bert_tokenizer(folder, words)
    names = ["O", *sorted(set(labels.values()))]
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=len(names) + 1,
        num_hidden_layers=0,
        num_attention_heads=1,
        intermediate_size=4,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    model = BertForTokenClassification(config)
    embeddings = model.bert.embeddings
    with torch.no_grad():
        for table in (embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
        embeddings.word_embeddings.weight.zero_()
        for word, number in tokenizer.get_vocab().items():
            place = names.index(labels.get(word, "O"))
            embeddings.word_embeddings.weight[number, place] = 1.0
        model.classifier.weight.copy_(torch.eye(len(names), len(names) + 1))
        model.classifier.bias.zero_()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def clip(folder: Path, words: Sequence[str]) -> Path:
    """Random weights."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    torch.manual_seed(0)
    tokenizer = clip_tokenizer(folder, words)
    small = {"hidden_size": 16, "intermediate_size": 16}
    small |= {"num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**small, "vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    config = CLIPConfig(
        text_config=text,
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPProcessor(CLIPImageProcessor(**sizes), tokenizer).save_pretrained(folder)
    return folder


TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %} "
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def llava(folder: Path, answer: str) -> Path:
    """A vision-language model with random vision, whose language says one thing.

    Its language model has no block, so that the next token follows from the last: after the prompt
    the one token that is the answer, and then the end.
    """
    import torch
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(0)
    vocabulary = {"[UNK]": 0, "</s>": 1, "<image>": 2, "assistant:": 3, answer: 4}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="[UNK]",
        eos_token="</s>",
        pad_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    small = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}
    text = LlamaConfig(**small, num_hidden_layers=1, vocab_size=8, num_key_value_heads=2)
    vision = CLIPVisionConfig(**small, num_hidden_layers=2, image_size=32, patch_size=16)
    config = LlavaConfig(vision, text, image_token_index=2)
    model = LlavaForConditionalGeneration(config)
    layer = model.model.language_model.layers[0]
    with torch.no_grad():
        for weight in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight):
            weight.zero_()
        model.get_input_embeddings().weight.copy_(torch.eye(8))
        model.lm_head.weight.zero_()
        model.lm_head.weight[4, 3] = model.lm_head.weight[1, 4] = 1.0
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 1
    model.save_pretrained(folder)
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder
