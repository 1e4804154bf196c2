"""Train, validation and test that share no picture, sentence or pair of names."""
