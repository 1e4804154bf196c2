"""Statistics of REMOTE's data: Table 1, Figure 2, and what is wrong with the pairs."""
