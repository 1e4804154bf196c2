"""From extracted posts to a knowledge graph: entities, facts, exports, scores and answers."""
