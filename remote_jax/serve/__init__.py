"""A trained model as a folder that runs elsewhere, without this package."""
