"""BERT and ViT in flax.nnx, their pretrained weights and their tokenizers."""
