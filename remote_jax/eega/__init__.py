"""EEGA: entities and relations together, by edge-enhanced graph alignment (Yuan et al. 2023)."""
