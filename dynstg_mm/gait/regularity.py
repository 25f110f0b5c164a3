"""How regular and how smooth a walk is."""
import numpy as np

from dynstg_mm.gait.strides import autocorrelation, detrended
from dynstg_mm.gait.windows import AXES, DURATION, RATE, Tracks

HARMONICS = 4  # of the stride, which make up a periodic walk


def irregularity(angles: Tracks, stride: float) -> dict[str, float]:
    """Share of each angle's variance that does not repeat every stride: the residual of a Fourier series and a line."""
    signal = np.stack(list(angles.values()), -1)
    signal -= signal.mean(1, keepdims=True)
    time = np.arange(signal.shape[1]) / RATE
    phase = 2 * np.pi * time / stride * np.arange(1, HARMONICS + 1)[:, None]
    series = np.concatenate([[np.ones_like(time), time - time.mean()], np.cos(phase), np.sin(phase)]).T
    rest = signal - series @ (np.linalg.pinv(series) @ signal)
    share = (rest**2).mean(1) / np.maximum((signal**2).mean(1), 1e-6)  # a milliradian of movement is none
    return {f'{name}_irregularity': value for name, value in zip(angles, np.median(share, 0))}


def regularity(pelvis: np.ndarray, stride: float) -> dict[str, float]:
    """Regularity of steps and of strides, and their difference.

    They are the autocorrelation of the pelvis' acceleration after half a stride and after a whole one (Moe-Nilssen &
    Helbostad 2004, J Biomech).
    """
    parameters: dict[str, float] = {}
    acceleration = _derivative(pelvis, 2)[:, 2:-2]  # the ends are one-sided differences
    for axis, name in enumerate(AXES[:pelvis.shape[-1]]):
        correlation = autocorrelation(acceleration[..., axis])
        step, whole = np.interp([stride / 2, stride], np.arange(len(correlation)) / RATE, correlation)
        step = -step if name == 'side' else step  # to the side, every other step is the mirror image
        parameters[f'step_regularity_{name}'] = step
        parameters[f'stride_regularity_{name}'] = whole
        parameters[f'regularity_difference_{name}'] = whole - step
    return parameters


def _derivative(track: np.ndarray, order: int = 1) -> np.ndarray:
    """Derivative of a track (windows, frames, ...) per second, of any order."""
    for _ in range(order):
        track = np.gradient(track, 1 / RATE, axis=1)
    return track


def oscillation(body: Tracks, pelvis: np.ndarray) -> dict[str, float]:
    """Standard deviation of pelvis, neck and head about the straight line of the walk."""
    tracks = {'pelvis': pelvis}
    tracks.update((name, body[name] + pelvis) for name in ('neck', 'head') if name in body)
    return {f'{name}_oscillation_{axis}': np.median(detrended(track[..., index]).std(1))
            for name, track in tracks.items() for index, axis in enumerate(AXES[:track.shape[-1]])}


def smoothness(body: Tracks, pelvis: np.ndarray) -> dict[str, float]:
    """Log dimensionless jerk of the trunk, the knees and the ends of the limbs; higher is smoother.

    After Balasubramanian et al. 2015, J NeuroEng Rehabil.
    """
    parameters = {}
    for name, track in [*body.items(), ('pelvis', pelvis)]:
        if name.endswith(('pelvis', 'neck', 'head', 'knee', 'ankle', 'wrist')):
            peak = np.linalg.norm(_derivative(track), axis=-1).max(1)
            jerk = (_derivative(track, 3)**2).sum(-1).mean(1) * DURATION**4 / np.maximum(peak**2, 1e-12)
            parameters[f'{name}_smoothness'] = -np.median(np.log(np.maximum(jerk, 1e-12)))
    return parameters
