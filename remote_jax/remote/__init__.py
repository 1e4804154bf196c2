"""REMOTE: unified multimodal relation extraction."""
