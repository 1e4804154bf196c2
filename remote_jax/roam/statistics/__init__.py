"""Statistics of ROAM's graphs: Table 6, and what makes a graph easy or its scores hollow."""
