"""Labelling posts by hand: annotators, an adjudicator, their agreement, and layouts of data sets."""
