"""Steps by models: spaCy, EEGA, and those of `transformers`, which run in PyTorch."""
