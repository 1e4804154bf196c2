"""A generated multimodal knowledge graph: invented names, facts that follow stated rules."""
