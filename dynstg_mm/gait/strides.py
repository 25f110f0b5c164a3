"""Stride time, steps and other spatio-temporal parameters of a walk."""
import numpy as np
from scipy.signal import find_peaks

from dynstg_mm.gait.windows import RATE, SIDES, Tracks

STRIDES = (0.6, 2.)  # shortest and longest stride time in seconds
HIGH_PEAK = 0.85  # share of the highest peak of the autocorrelation from which on a peak counts as high


def stride_time(*signals: np.ndarray, high_peak: float = HIGH_PEAK) -> tuple[float, float]:
    """Stride time in s, and the autocorrelation there: its first high peak (Moe-Nilssen & Helbostad 2004, J Biomech).

    Args:
        *signals: Shape (windows, frames) each: one leg minus the other, which repeats after a whole stride only.
        high_peak: Share of the highest peak from which on a peak counts as high.

    Returns:
        Stride time, NaN if there is no peak, and the autocorrelation.
    """
    correlation = np.mean([autocorrelation(signal) for signal in signals], 0)
    low, high = (round(seconds * RATE) for seconds in STRIDES)
    peaks = find_peaks(correlation[:high + 2])[0]
    peaks = peaks[peaks >= low]
    if not len(peaks):
        return np.nan, correlation[low:high + 1].max()
    peak = peaks[correlation[peaks] >= high_peak * correlation[peaks].max()]
    peak = peak[0] if len(peak) else peaks[0]  # no peak is high if all are negative
    return (peak + _summit(correlation, peak)) / RATE, correlation[peak]


def autocorrelation(signal: np.ndarray) -> np.ndarray:
    """Unbiased autocorrelation of a detrended signal (windows, frames) by lag in frames, mean over the windows."""
    signal = detrended(signal)
    frames = signal.shape[1]
    lags = np.stack([(signal[:, :frames - lag] * signal[:, lag:]).mean(1) for lag in range(frames - 8)], 1)
    return (lags / np.maximum(lags[:, :1], 1e-12)).mean(0)


def detrended(signal: np.ndarray) -> np.ndarray:
    """A signal (windows, frames) minus the straight line through each window."""
    time = np.linspace(-1, 1, signal.shape[1])
    slope = signal @ time / (time @ time)
    return signal - signal.mean(1, keepdims=True) - slope[:, None] * time


def _summit(values: np.ndarray, peak: np.ndarray | int) -> np.ndarray:
    """Offset of the maximum from a sample, -0.5 to 0.5: that of the parabola through three samples."""
    before, top, after = values[peak - 1], values[peak], values[peak + 1]
    return 0.5 * (before - after) / np.minimum(before - 2 * top + after, -1e-12)


def spatiotemporal(body: Tracks, pelvis: np.ndarray, stride: float) -> dict[str, float]:
    """Cadence (steps per s), speed (leg lengths per s), stride length, and the shares of stance and double support.

    A foot is in stance while it moves backwards relative to the pelvis (Zeni et al. 2008, Gait Posture).

    Args:
        body: From `body_tracks`.
        pelvis: Shape (windows, frames, C).
        stride: Stride time in seconds.
    """
    velocity = {side: np.gradient(body[f'{side}_ankle'][..., 0], axis=1) for side in SIDES}
    stance = {side: np.where(np.isnan(v), np.nan, v < 0) for side, v in velocity.items()}
    speed = np.median(pelvis[:, -1, 0] - pelvis[:, 0, 0]) / (pelvis.shape[1] - 1) * RATE
    parameters = dict(stride_time=stride, cadence=2 / stride, speed=speed, stride_length=speed * stride,
                      double_support=np.median((stance['left'] * stance['right']).mean(1)),
                      **{f'{side}_stance': np.median(stance[side].mean(1)) for side in SIDES})
    if pelvis.shape[-1] == 3:
        width = body['left_ankle'][..., 2] - body['right_ankle'][..., 2]
        parameters.update(base_width=np.median(width), base_width_sd=np.median(width.std(1)))
    return parameters


def step_parameters(spread: np.ndarray, stride: float) -> dict[str, float]:
    """Time and length of steps, and their coefficient of variation inside a window.

    Args:
        spread: Shape (windows, frames): left ankle minus right ankle, forward.
        stride: Stride time in seconds.
    """
    rows = [_steps_of_window(window, stride) for window in spread]
    parameters = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        valid = values[~np.isnan(values)]
        parameters[name] = float(np.median(valid)) if len(valid) else np.nan
    return parameters


def _steps_of_window(ahead: np.ndarray, stride: float) -> dict[str, float]:
    """Steps of one window; `ahead` (frames,) is how far the left ankle is in front of the right."""
    strikes = sorted((*foot_strikes(ahead, 'left', stride), *foot_strikes(-ahead, 'right', stride)))
    times = {side: [later[0] - earlier[0] for earlier, later in zip(strikes, strikes[1:])
                    if later[1] == side != earlier[1]] for side in SIDES}
    lengths = {side: [length for _, foot, length in strikes if foot == side] for side in SIDES}
    parameters: dict[str, float] = {}
    for what, values in (('time', times), ('length', lengths)):
        both = values['left'] + values['right']
        parameters.update((f'{side}_step_{what}', float(np.mean(values[side])) if values[side] else np.nan)
                          for side in SIDES)
        parameters[f'step_{what}_cv'] = float(np.std(both) / abs(np.mean(both))) if len(both) > 1 else np.nan
    return parameters


def foot_strikes(ahead: np.ndarray, side: str, stride: float) -> list[tuple[float, str, float]]:
    """Foot strikes: a foot strikes when it is furthest in front of the other (after Zeni et al. 2008, Gait Posture).

    Args:
        ahead: Shape (frames,): how far the foot is in front of the other.
        side: 'left' or 'right'.
        stride: Stride time in seconds.

    Returns:
        (second, side, step length) of each strike.
    """
    peaks = find_peaks(ahead, distance=max(1, round(0.6 * stride * RATE)), prominence=0.3 * np.ptp(ahead))[0]
    return list(zip((peaks + _summit(ahead, peaks)) / RATE, [side] * len(peaks), ahead[peaks]))
