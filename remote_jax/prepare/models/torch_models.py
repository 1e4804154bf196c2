"""Models of `transformers` that run in PyTorch: the one place that imports it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.encoders import folder as folders
from remote_jax.errors import UserError, reason
from remote_jax.prepare.models.fingerprint import fingerprint

FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is fetched of a model on the hub; no file that is unpickled or run."""


class TorchModel:
    """A model and what prepares its inputs, one call at a time.

    Attributes:
        config: as `transformers` read it.
        version: name, class and fingerprint; values of JSON.
    """

    def __init__(self, name: str, auto: str, processor: str):
        """Loads a model on the GPU if there is one.

        Args:
            name: folder, or repository of the Hugging Face hub.
            auto: class of `transformers` that finds the model's class, as `AutoModel`.
            processor: likewise for what prepares inputs, as `AutoProcessor`.

        Raises:
            UserError: PyTorch is not installed, there is no such model, or it is of another kind.
        """
        if importlib.util.find_spec("torch") is None:
            raise UserError(f"The model {name} needs PyTorch: pip install -e '.[prepare]'.")
        import torch
        import transformers

        folder = folders.find(name, FILES)
        self._torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.processor = getattr(transformers, processor).from_pretrained(folder)
            found = getattr(transformers, auto).from_pretrained(folder, use_safetensors=True)
        except Exception as error:  # its loaders raise whatever a wrong folder provokes
            raise UserError(f"{name} cannot be loaded by {auto}: {reason(error)}.") from error
        self.model = found.to(self.device).eval()
        self.config = found.config
        self.version: Mapping[str, Any] = {
            "model": name,
            "class": type(found).__name__,
            "sha256": fingerprint(Path(folder)),
        }
        self._lock = threading.Lock()

    def __call__(self, inputs: Any, method: str = "") -> Any:
        """What the model makes of inputs, without gradients.

        Args:
            inputs: of the processor, with `return_tensors="pt"`.
            method: of the model; "": its forward pass.
        """
        called = getattr(self.model, method) if method else self.model
        with self._lock, self._torch.inference_mode():
            return called(**inputs.to(self.device))
