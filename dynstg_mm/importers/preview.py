"""The picture by which a person sees whether a recording was understood."""
import os
from pathlib import Path

from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open
from dynstg_mm.gait.signal import is_rate
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.arrange import onto_layout
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeleton_figure import draw_frames, points_only
from dynstg_mm.skeletons import Layout, best_layout, get_layout

FORMS = ('.png', '.pdf', '.svg')


def check_preview(path: str | os.PathLike | None) -> None:
    """Refuse a file that is no picture, before the long work."""
    if path is not None and (Path(path).suffix.lower() not in FORMS or Path(path).is_dir()):
        raise ConfigError(f'--preview: {path}; expected the name of a picture, {", ".join(FORMS)}.')


def write_preview(path: str | os.PathLike, recording: Recording, rate: float | None = None) -> None:
    """Draw three frames of a recording, whole or not at all.

    Args:
        path: The picture.
        recording: From `arrange`. Without a layout that names the legs, it is drawn in the one of which it has most
            joints.
        rate: Frames per second, if they are not the recording's.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    drawn, layout = drawable(recording)
    rate, count = rate or (recording.rate if is_rate(recording.rate) else None), recording.keypoint.shape[2]
    keypoint, named = drawn.keypoint[0], isinstance(drawn.layout, str)
    figure = Figure(figsize=(9, 7.5 if keypoint.shape[-1] == 3 else 4), layout='constrained')
    FigureCanvasAgg(figure)
    facts = [f'{len(keypoint)} frames', f'{rate:g} per second' if rate else 'unknown rate',
             f'{count} joints' + (f', drawn as {drawn.layout}' if named and drawn is not recording else
                                  f' of {drawn.layout}' if named else '')]
    figure.suptitle(f'{recording.name}: {", ".join(facts)}', fontsize=11)
    draw_frames(figure, keypoint, seen_joints(keypoint, drawn.keypoint_score[0], 0), layout, rate, recording.unit)
    with atomic_open(path, 'wb') as file:
        figure.savefig(file, format=Path(path).suffix[1:].lower(), dpi=110)


def drawable(recording: Recording) -> tuple[Recording, Layout]:
    """The recording in a layout with legs if its names allow it, and its layout; without any, points."""
    own = None if recording.layout is None else get_layout(recording.layout)
    if recording.joints is not None and not (own or {}).get('legs'):
        best = best_layout(recording.joints)
        if best is not None:
            return onto_layout(recording, best, str(recording.name)), get_layout(best)
    count = recording.keypoint.shape[2]
    return recording, own or points_only(recording.joints or [f'joint_{joint}' for joint in range(count)])
