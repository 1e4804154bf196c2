"""EEGA: joint extraction of entities and relations (Yuan et al. 2023)."""
