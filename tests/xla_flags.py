"""Which flags the XLA of this jaxlib knows; one that it does not know ends the process."""

from importlib.metadata import version

TWO_WAYS_TO_FUSE = tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11)
"""Whether `xla_cpu_use_fusion_emitters` chooses between them."""
