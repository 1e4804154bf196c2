"""Steps by a multimodal LLM behind the OpenAI-compatible chat protocol (REMOTE, §4.1 and §5.1)."""
