"""Labelling posts by hand: the page, agreement, layouts of data sets, and splits."""
