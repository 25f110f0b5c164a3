"""Mutate small files of every format, and check that the readers read or refuse each in one line.

    python -m tests.importers.fuzz --count 5000 --seed 0

Prints every file that ends in another error than a `UserError`, and keeps it; ends with status 1 if there is one.
"""
import argparse
import pickle
import re
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.errors import UserError
from dynstg_mm.importers.convert import read_recordings
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from .written import (
    HEIGHT,
    WIDTH,
    hidden,
    person,
    pixels,
    scores,
    write_alphapose,
    write_alphapose_by_image,
    write_bvh,
    write_c3d,
    write_csv,
    write_deeplabcut,
    write_deeplabcut_h5,
    write_kinect_table,
    write_mmpose,
    write_myogait,
    write_openpose,
    write_pickle,
    write_sep_json,
    write_skeleton,
    write_stgcn,
    write_trc,
)

NUMBERS = (b'', b'-1', b'0', b'1', b'7', b'1e400', b'-1e-400', b'NaN', b'Infinity', b'99999999999999999999',
           b'2147483648', b'1.5', b'1e9', b'1e15', b'12345.678', b'x', b'[]', b'null', b'0 ', b'-0')
CHANNELS = [axis + kind for kind in ('position', 'rotation') for axis in 'XYZ']


def write_seeds(folder: Path) -> list[tuple[str, Path]]:
    """A file of each format and variant: format and file."""
    folder.mkdir(parents=True, exist_ok=True)
    coco, gait = (list(LAYOUTS[name]['joints']) for name in ('coco', 'gait_13'))
    flat, score = pixels(person('coco', 6))[None].round(2), scores((1, 6, 17))
    place = person('gait_13', 6).round(4)
    landmarks, seen = person('mediapipe', 4).round(4), scores((4, 33))
    numbers = [str(joint) for joint in range(33)]
    body, eighteen, few = person('nturgb+d', 4), pixels(person('openpose', 4))[None].round(2), scores((1, 4, 18))
    openpose = write_openpose(folder / 'openpose', pixels(person('body_25', 3))[None].round(1), scores((1, 3, 25)))
    seeds = [('openpose', openpose), ('alphapose', write_alphapose(folder / 'alpha.json', hidden(flat, score), score)),
             ('mmpose', write_mmpose(folder / 'mmpose.json', flat, score, coco)),
             ('mediapipe', write_csv(folder / 'mediapipe.csv', landmarks, numbers, seen, 30., axis='{axis}{joint}')),
             ('mediapipe', write_csv(folder / 'joints.csv', landmarks, numbers, seen, 30., line_per_joint=True)),
             ('csv', write_csv(folder / 'frames.csv', place, gait, None, 25., ';')),
             ('csv', write_csv(folder / 'lines.csv', place, gait, None, 25., line_per_joint=True)),
             ('bvh', write_bvh(folder / 'walk.bvh', place, gait, [CHANNELS] * 13)),
             ('c3d', write_c3d(folder / 'walk.c3d', place, gait)),
             ('trc', write_trc(folder / 'walk.trc', place, gait)),
             ('deeplabcut', write_deeplabcut(folder / 'one.csv', flat, score, coco)),
             ('deeplabcut', write_deeplabcut(folder / 'two.csv', flat.repeat(2, 0), score.repeat(2, 0), coco)),
             ('deeplabcut', write_deeplabcut_h5(folder / 'one.h5', flat, score, coco)),
             ('myogait', write_myogait(folder / 'myogait.json', pixels(landmarks) / (WIDTH, HEIGHT), seen)),
             ('kinect', write_skeleton(folder / 'walk.skeleton', body[None], np.full((1, 4, 25), 2))),
             ('kinect', write_kinect_table(folder / 'table.csv', body, np.arange(4) / 30)),
             ('stgcn', write_stgcn(folder / 'x_data.npy', [body[None]], [0], 6)),
             ('alphapose', write_alphapose_by_image(folder / 'cmu.json', hidden(eighteen, few), few, 'cmu')),
             ('openpose', write_sep_json(folder / 'sep-json', folder / 'cmu.json')),
             ('mmaction', write_pickle(folder / 'walk.pkl', dict(
                 frame_dir='a', label=0, subject='b', total_frames=6, rate=25., keypoint=flat, keypoint_score=score,
                 img_shape=(HEIGHT, WIDTH))))]
    np.savez(folder / 'walk.npz', keypoints=flat[0], scores=score[0], joint_names=coco, fps=25)
    np.savez(folder / 'landmarks.npz', landmarks=np.concatenate([landmarks, seen[..., None]], -1), fps=30)
    np.save(folder / 'lifted.npy', person('h36m', 4))
    np.save(folder / 'mediapipe_body_3d_xyz.npy', 1000 * landmarks)
    return [*seeds, ('npz', folder / 'walk.npz'), ('mediapipe', folder / 'landmarks.npz'),
            ('h36m', folder / 'lifted.npy'), ('freemocap', folder / 'mediapipe_body_3d_xyz.npy')]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bytes altered, cut, repeated or swapped, or a number replaced by an extreme one."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        start = int(rng.integers(0, max(len(data), 1)))
        stop = min(len(data), start + int(rng.choice([1, 2, 8, 64])))
        kind = rng.choice(6, p=[0.1, 0.1, 0.1, 0.02, 0.08, 0.6])
        if kind == 0:
            data[start:stop] = rng.bytes(stop - start)
        elif kind == 1:
            del data[start:stop]
        elif kind == 2:
            data[start:start] = data[start:stop]
        elif kind == 3:
            del data[start + 1:]
        elif kind == 4:
            lines = bytes(data).split(b'\n')
            one, other = rng.integers(0, len(lines), 2)
            lines[one], lines[other] = lines[other], lines[one]
            data = bytearray(b'\n'.join(lines))
        else:
            number = re.compile(rb'(?<![\d.-])-?\d+(\.\d+)?').search(data, start)
            if number:
                data[number.start():number.end()] = NUMBERS[rng.integers(0, len(NUMBERS))]
    return bytes(data)


def mutate_arrays(content: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """One value of a dict altered: another type, shape or number."""
    content = dict(content)
    key = sorted(content)[rng.integers(0, len(content))]
    value = content[key]
    if not isinstance(value, np.ndarray) or not value.ndim or value.dtype.kind not in 'fiu' or rng.random() < 0.2:
        extreme = (None, -1, 0, 10**20, np.nan, np.inf, 'x', '', [], [3], np.zeros(0), np.ones((2, 2, 2)), True, 1e300)
        content[key] = extreme[rng.integers(0, len(extreme))]
        return content
    value = value.astype(float)
    change = rng.integers(0, 7)
    if change == 0:
        value = value.transpose(rng.permutation(value.ndim))
    elif change == 1:
        value = value[..., :int(rng.integers(0, value.shape[-1] + 1))]
    elif change == 2:
        value = value[None]
    elif change == 3:
        value = value[0]
    elif change == 4:
        value = value.astype([np.float16, np.int64, np.uint8, bool, np.complex64][rng.integers(0, 5)])
    elif change == 5:
        value = np.repeat(value, 2, axis=int(rng.integers(0, value.ndim)))
    else:
        value.ravel()[rng.integers(0, value.size)] = [np.nan, np.inf, 1e300, -1, 0][rng.integers(0, 5)]
    return dict(content, **{key: value})


def write_mutated(source: Path, target: Path, rng: np.random.Generator) -> None:
    """A file with changes in its bytes, or for half of the arrays and pickles in what they hold."""
    if rng.random() < 0.5 or source.suffix not in ('.npz', '.pkl'):
        target.write_bytes(mutate(source.read_bytes(), rng))
    elif source.suffix == '.npz':
        with np.load(source) as arrays:
            content = mutate_arrays({name: arrays[name] for name in arrays.files}, rng)
        np.savez(target, **{name: np.asarray('' if value is None else value) for name, value in content.items()})
    else:
        data = load_pickle(source)
        target.write_bytes(pickle.dumps(dict(data, annotations=[mutate_arrays(data['annotations'][0], rng)])))


def outcome(format_name: str, path: Path, rng: np.random.Generator) -> str:
    """'read', 'refused', or the traceback of any other error."""
    layout = [None, 'gait_13'][rng.integers(0, 2)]
    try:
        read_recordings('clip', path, format_name=format_name, options={}, layout=layout, img_shape=(HEIGHT, WIDTH))
    except UserError as error:
        return 'refused' if '\n' not in str(error) else f'several lines: {error}'
    except Exception:  # which is what is looked for
        return traceback.format_exc()
    return 'read'


def fuzz(count: int, seed: int, folder: Path, found: Callable[[str, Path, str], None]) -> Counter[str]:
    """Read mutated files, and count how they end.

    Args:
        count: Files.
        seed: Of the mutations.
        folder: For the files.
        found: Takes format, file and traceback of each that ends in another error than a `UserError`.
    """
    rng, ends = np.random.default_rng(seed), Counter[str]()
    seeds = write_seeds(folder / 'sound')
    for number in range(count):
        format_name, source = seeds[number % len(seeds)]
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        target = folder / (f'{number % len(seeds)}_{source.stem}' if source.is_dir() else source.name)
        changed = rng.integers(0, len(files))
        for index, file in enumerate(files):
            path = target / file.name if source.is_dir() else target
            path.parent.mkdir(exist_ok=True)
            if index == changed:
                write_mutated(file, path, rng)
            else:
                path.write_bytes(file.read_bytes())
        end = outcome(format_name, target, rng)
        ends[end if end in ('read', 'refused') else 'raw'] += 1
        if end not in ('read', 'refused'):
            found(format_name, target, end)
    return ends


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--count', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    kept = Path(tempfile.mkdtemp(prefix='fuzz_'))

    def keep(format_name: str, path: Path, error: str) -> None:
        copy = kept / f'{len(list(kept.iterdir()))}_{path.name}'
        if path.is_dir():
            copy.mkdir()
            for file in path.iterdir():
                (copy / file.name).write_bytes(file.read_bytes())
        else:
            copy.write_bytes(path.read_bytes())
        print(f'{format_name}: {copy}\n{error}')

    with tempfile.TemporaryDirectory() as folder:
        ends = fuzz(args.count, args.seed, Path(folder), keep)
    print(', '.join(f'{number} {end}' for end, number in sorted(ends.items())))
    return int(bool(ends['raw']))


if __name__ == '__main__':
    raise SystemExit(main())
