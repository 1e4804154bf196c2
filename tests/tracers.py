"""Tracers of jax that do not tell where they come from: tests trace in half the time.

A tracer has no `sharding`. Flax asks for it at each random number that a traced function draws,
twice, and to word the error, which nobody reads, jax looks through the whole program so far.
"""

from jax._src.interpreters.partial_eval import DynamicJaxprTracer

DynamicJaxprTracer._origin_msg = lambda self: ""
