"""Finding the recordings in a folder, and reading them in several processes."""
import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from dynstg_mm.errors import DataError, UserError
from dynstg_mm.files import missing_file_hint
from dynstg_mm.progress import with_bar

SUFFIXES = dict(openpose=('.json', ), alphapose=('.json', ), mmpose=('.json', ), mediapipe=('.csv', '.npz'),
                csv=('.csv', '.tsv', '.txt'), npz=('.npz', ), bvh=('.bvh', ), c3d=('.c3d', ),
                trc=('.trc', ), mot=('.mot', '.sto'), deeplabcut=('.csv', '.h5', '.hdf5'), myogait=('.json', ),
                freemocap=('.npy', '.csv'), h36m=('.npy', '.npz'),
                kinect=('.skeleton', '.csv', '.txt'), stgcn=('.npy', ), mmaction=('.pkl', '.pickle'),
                video=('.mp4', '.mov', '.m4v', '.avi', '.mkv', '.webm'))
RESULT_NAMES = ('alphapose-results', 'results', 'predictions')  # names that a program gives all its files

FREEMOCAP_BODY = re.compile('((mediapipe|rtmpose)_body_3d_xyz|mediaPipeSkel_3d)', re.IGNORECASE)
FREEMOCAP_PART = re.compile('(mediapipe|rtmpose)_?(.*_hand|face|2dData|3dData|body_(?!3d_xyz)|total|segment)',
                            re.IGNORECASE)

Result = TypeVar('Result')


def find_files(format_name: str, source: str | os.PathLike,
               without: Sequence[str | os.PathLike] = ()) -> dict[str, Path | list[Path]]:
    """Files of a format in a file or folder, at any depth, by the name of their clip.

    The name is the file's without suffix; if two files share it, the path below `source`. For OpenPose a clip is a
    folder of files, one per frame, or in a folder of several videos the files with the same beginning.

    Args:
        format_name: The format, a key of `SUFFIXES`.
        source: File or folder.
        without: As for `files_below`.

    Returns:
        Clip -> what its reader takes.

    Raises:
        DataError: There is no such file or folder, or it has nothing of the format.
    """
    source = Path(source)
    if source.is_file() and format_name != 'openpose':
        return {_name(source, source.parent): source}
    if not source.is_dir():
        raise DataError(f'{source}: a file; expected a folder with one file per frame.' if source.is_file() else
                        f'{source}: no such file or folder; {missing_file_hint(source)}.')
    paths = [path for path in files_below(source, SUFFIXES[format_name], without)
             if format_name in ('openpose', 'mot') or not is_repeated(path)]
    if format_name == 'freemocap':  # which also writes the same joints into tables beside the folder of results
        paths = [path for path in paths if FREEMOCAP_BODY.match(path.stem)] or paths
    if not paths:
        raise DataError(f'{source}: no {" or ".join("*" + suffix for suffix in SUFFIXES[format_name])} in or below it.')
    return clips_of(format_name, paths, source)


def is_repeated(path: Path) -> bool:
    """Whether a file in a folder shows what another one shows, or a part of it.

    These are AlphaPose's folder `sep-json`, what DeepLabCut and FreeMoCap also write as CSV, FreeMoCap's hands, faces
    and intermediate results, and the angles that OpenSim computed from markers.
    """
    if path.parent.name == 'sep-json' and any(path.parent.parent.glob('*.json')):
        return True
    also_csv = path.suffix.lower() in ('.h5', '.hdf5', '.npy') and path.with_suffix('.csv').is_file()
    return also_csv or path.suffix.lower() in SUFFIXES['mot'] or bool(FREEMOCAP_PART.match(path.stem))


def files_below(folder: Path, suffixes: Collection[str], without: Sequence[str | os.PathLike] = ()) -> list[Path]:
    """Files that are not hidden, at any depth, sorted.

    Args:
        folder: The folder.
        suffixes: In lower case.
        without: Files and folders below it that are not recordings, such as the label table.
    """
    left_out = {path for path in map(Path.resolve, map(Path, without)) if folder.resolve() in path.parents}
    return sorted(path for path in folder.rglob('*')
                  if path.suffix.lower() in suffixes and not path.name.startswith('.') and path.is_file()
                  and not (left_out and left_out & {path.resolve(), *path.resolve().parents}))


def clips_of(format_name: str, paths: Sequence[Path], source: Path) -> dict[str, Path | list[Path]]:
    """Files of a format in a folder by the name of their clip, as for `find_files`."""
    if format_name == 'openpose':
        return _openpose_clips(paths, source)
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        by_name.setdefault(_name(path, source), []).append(path)
    return {name if len(same) == 1 else _below(path.with_suffix(''), source): path
            for name, same in by_name.items() for path in same}


def _openpose_clips(paths: Sequence[Path], source: Path) -> dict[str, Path | list[Path]]:
    """Files by folder and by the beginning of their names, in the order of the frames."""
    folders: dict[Path, dict[str, list[Path]]] = {}
    for path in paths:
        beginning = path.stem.removesuffix('_keypoints').rstrip('0123456789').rstrip('_-. ')
        folders.setdefault(path.parent, {}).setdefault(beginning, []).append(path)
    names = [folder.name for folder in folders]
    clips: dict[str, list[Path]] = {}
    for folder, videos in folders.items():
        for beginning, files in videos.items():
            whole = folder.resolve().name if names.count(folder.name) == 1 else _below(folder, source)
            clips[unicodedata.normalize('NFC', whole if len(videos) == 1 else beginning)] = files
    if sum(map(len, clips.values())) < len(paths):
        raise DataError(f'{source}: two videos have the same name; expected a folder for each.')
    return dict(clips)


def _name(path: Path, source: Path) -> str:
    """A clip's name: the file's, or the folder's if the program gives all its files one name."""
    stem, folder = path.stem.removesuffix('.myogait'), path.parent
    if FREEMOCAP_BODY.match(stem) and folder.resolve().name in ('output_data', 'DataArrays'):
        stem = folder.resolve().parent.name
    elif (stem in RESULT_NAMES or FREEMOCAP_BODY.match(stem)) and folder.resolve() != source.resolve():
        stem = folder.name
    return unicodedata.normalize('NFC', stem)


def _below(path: Path, source: Path) -> str:
    return unicodedata.normalize('NFC', path.relative_to(source).as_posix())


def read_files(files: Mapping[str, Any], read: Callable[[str, Any], Result], *, jobs: int = 1,
               skip_bad: bool = False) -> tuple[dict[str, Result], list[str]]:
    """Read files in several processes, with a progress bar.

    Args:
        files: Clip -> what `read` takes.
        read: Takes name and path; a function of a module, or a `partial` of one.
        jobs: Processes; 0 for one per core.
        skip_bad: Leave broken files out.

    Returns:
        Clip -> what was read, in the order of `files`; and a line about every file that was left out.

    Raises:
        DataError: A file is broken, and `skip_bad` is not set.
    """
    jobs = min(jobs or os.cpu_count() or 1, len(files))
    results: dict[str, Result] = {}
    bad = []
    with contextlib.closing(_results(files, read, jobs)) as reading:  # ends the processes at once if a file is broken
        for name, (result, fault) in with_bar(reading, 'reading', total=len(files)):
            if fault is None:
                results[name] = result
            elif skip_bad:
                bad.append(fault)
            else:
                raise DataError(fault)
    return {name: results[name] for name in files if name in results}, bad


def _results(files: Mapping[str, Any], read: Callable[[str, Any], Any],
             jobs: int) -> Generator[tuple[str, tuple[Any, str | None]], None, None]:
    if jobs <= 1:
        yield from ((name, _attempt(read, name, path)) for name, path in files.items())
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(_attempt, read, name, path): name for name, path in files.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise DataError('a process that read files was killed, perhaps for lack of memory; --jobs 1 shows at which '
                            'file.') from None
        finally:
            pool.shutdown(cancel_futures=True)  # waits for the files that are being read


def _attempt(read: Callable[[str, Any], Any], name: str, path: Any) -> tuple[Any, str | None]:
    """What `read` returns for a file, or what is wrong with the file."""
    try:
        return read(name, path), None
    except (UserError, OSError) as error:
        return None, ' '.join(str(error).split())
