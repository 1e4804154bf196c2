"""The sample: a small generated data set in the format of JMERE, with scene graphs."""
