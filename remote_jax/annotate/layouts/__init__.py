"""Labels from and to the layouts of published data sets (docs/formats.md) and Label Studio."""
