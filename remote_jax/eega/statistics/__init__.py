"""Statistics of EEGA's data: Table 3, and what is wrong with the sentences."""
