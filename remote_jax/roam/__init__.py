"""ROAM: completion of multimodal knowledge graphs."""
