"""The frozen teacher of a distiller, and the checkpoints that its weights come from."""
from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import TEACHING, check_weights, training_data


class Teacher:
    """A recognizer in eval mode whose weights do not change.

    It is no `nn.Module`, so its weights are neither in the optimizer nor in the checkpoints of the distiller. They are
    read when training starts; testing the student does not need them.

    Args:
        settings: Model config of a `RecognizerGCN`.
        checkpoint: Path or address of its checkpoint.
    """

    def __init__(self, settings: dict, checkpoint: str) -> None:
        self.network = MODELS.build(settings).requires_grad_(False).eval()
        self.checkpoint = checkpoint
        self.digest: str | None = None
        """First digits of the SHA-256 of the weights, once they are loaded."""
        self._cache: dict[bytes, tuple[Tensor, Tensor]] | None = None

    def load(self) -> dict[str, Sequence[str]]:
        """Read the weights.

        Returns:
            What the checkpoint records about its training data, see `read_checkpoint`.

        Raises:
            ConfigError: There is no such checkpoint, or it belongs to another architecture.
        """
        if not isinstance(self.checkpoint, str):
            raise ConfigError(f'teacher_ckpt: {self.checkpoint!r}; expected the path of a checkpoint.')
        try:
            weights, data = read_checkpoint(self.checkpoint)
            load_weights(self.network, weights, self.checkpoint)
        except ConfigError as error:
            raise ConfigError(f'teacher_ckpt: {error} Set model.teacher_ckpt to the checkpoint of a trained teacher.'
                              ) from None
        digest = hashlib.sha256()
        for name, value in self.network.state_dict().items():
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        self.digest = digest.hexdigest()[:8]
        return data

    def cache_outputs(self) -> None:
        """Compute the outputs for each window only once from now on, and keep them in main memory."""
        self._cache = {}

    @torch.no_grad()
    def __call__(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Features and scores in float32.

        Shape:
            - windows: (n, 1, m, t, v, c)
            - Output: (n, m, c', t', v) and (n, classes)

        Raises:
            ConfigError: The weights are not loaded.
        """
        if not self.digest:
            raise ConfigError('default_hooks: DistillationHook: missing; it checks and loads the teacher. Add '
                              "default_hooks=dict(distillation=dict(type='DistillationHook')).")
        if self._cache is None:
            return self._compute(windows)
        features, scores = zip(*(self._look_up(window, self._cache) for window in windows))
        return torch.cat(features).to(windows.device), torch.cat(scores).to(windows.device)

    def _compute(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network.to(windows.device)
        features, _ = network.extract_feat(windows)
        return features.float(), network.cls_head(features).float()

    def _look_up(self, window: Tensor, cache: dict[bytes, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Outputs for one window, computed outside of a batch so that a resumed run gets the same bits."""
        key = hashlib.sha256(window.float().cpu().numpy().tobytes()).digest()
        if key not in cache:
            features, scores = self._compute(window[None])
            cache[key] = features.cpu(), scores.cpu()
        return cache[key]


def read_checkpoint(path: str) -> tuple[dict[str, Tensor], dict[str, Sequence[str]]]:
    """Weights of the recognizer in a checkpoint of MMEngine, and what is recorded about its training data.

    Args:
        path: A file, or an address that MMEngine can load from.

    Returns:
        The weights without those that a distiller needs only to teach, and the data as in `training_data`.

    Raises:
        ConfigError: It is not a checkpoint of MMEngine.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    except (OSError, RuntimeError, KeyError, ImportError, pickle.UnpicklingError) as error:  # also of s3://... etc.
        reason = ' '.join(str(error).split())
        raise ConfigError(reason if path in reason else f'{path}: {reason}') from None
    weights, meta = ((checkpoint.get(key) if isinstance(checkpoint, dict) else None) for key in ('state_dict', 'meta'))
    if not isinstance(weights, dict) or not weights or not all(isinstance(name, str) for name in weights):
        raise ConfigError(f'{path}: state_dict: missing; expected a checkpoint of MMEngine.')
    return {name: value for name, value in weights.items() if not name.startswith(TEACHING)}, training_data(meta)


def load_weights(network: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Load all weights into a network; ConfigError naming the checkpoint's path if they do not fit."""
    check_weights(network.state_dict(), weights, path)
    network.load_state_dict(weights, strict=False)


def shorten(error: Exception) -> str:
    """The beginning of an error's message, on one line."""
    reason = ' '.join(str(error).split())
    return reason if len(reason) <= 200 else f'{reason[:200]} ...'
