"""Which files of a folder are recordings, and reading them in several processes."""
import contextlib
import os
import pickle
import unicodedata
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.progress import track

from dynstg_mm.errors import DataError

SUFFIXES = dict(openpose=('.json', ), alphapose=('.json', ), mmpose=('.json', ), mediapipe=('.csv', '.npz'),
                csv=('.csv', '.tsv', '.txt'), npz=('.npz', ), bvh=('.bvh', ), c3d=('.c3d', ),
                mmaction=('.pkl', '.pickle'))


def find_files(kind, source, without=None):
    """Files of a format in a file or folder, at any depth, by the name of their clip.

    The name is the file's without suffix; where two share it, the path below `source`. For OpenPose a clip is a folder
    of files, one a frame, or in a folder of several videos the files with one beginning.

    Args:
        kind (str): The format, a key of `SUFFIXES`.
        source (str | Path): File or folder.
        without (str | Path, optional): A file in the folder that is no recording, such as the label table.

    Returns:
        dict[str, Path | list[Path]]: Clip -> what its reader takes.

    Raises:
        DataError: There is no such file or folder, or nothing of the format in it.
    """
    source = Path(source)
    if source.is_file() and kind != 'openpose':
        return {_name(source, source.parent): source}
    if not source.is_dir():
        expected = 'a folder with one file a frame' if source.is_file() else 'a file or folder'
        raise DataError(f'{source}: {"a file" if source.is_file() else "not there"}; expected {expected}.')
    paths = sorted(path for path in source.rglob('*') if path.suffix.lower() in SUFFIXES[kind] and path.is_file()
                   and not path.name.startswith('.') and not (without and path.samefile(without)))
    if not paths:
        raise DataError(f'{source}: no {" or ".join("*" + suffix for suffix in SUFFIXES[kind])} in or below it.')
    if kind == 'openpose':
        return _openpose_clips(paths, source)
    found = {}
    for path in paths:
        found.setdefault(_name(path, source), []).append(path)
    return {name if len(same) == 1 else _below(path.with_suffix(''), source): path
            for name, same in found.items() for path in same}


def _openpose_clips(paths, source):
    """Files by folder and by the beginning of their names, in the order of the frames."""
    folders = {}
    for path in paths:
        beginning = path.stem.removesuffix('_keypoints').rstrip('0123456789').rstrip('_-. ')
        folders.setdefault(path.parent, {}).setdefault(beginning, []).append(path)
    names = [folder.name for folder in folders]
    clips = {}
    for folder, videos in folders.items():
        for beginning, files in videos.items():
            whole = folder.resolve().name if names.count(folder.name) == 1 else _below(folder, source)
            clips[unicodedata.normalize('NFC', whole if len(videos) == 1 else beginning)] = files
    if sum(map(len, clips.values())) < len(paths):
        raise DataError(f'{source}: two videos of one name; expected a folder for each.')
    return clips


def _name(path, source):
    """A clip's name: the file's, or the folder's where the program gives all its files one name."""
    stem = path.stem
    if stem in ('alphapose-results', 'results', 'predictions') and path.parent.resolve() != source.resolve():
        stem = path.parent.name
    return unicodedata.normalize('NFC', stem)


def _below(path, source):
    return unicodedata.normalize('NFC', path.relative_to(source).as_posix())


def read_files(files, read, *, jobs=1, skip_bad=False):
    """Read files in several processes, with a progress bar.

    Args:
        files (dict[str, Path]): Clip -> what `read` takes.
        read (callable): Name and path in, list of recordings out; a function of a module, or a `partial` of one.
        jobs (int): Processes; 0 for one a core.
        skip_bad (bool): Leave broken files out.

    Returns:
        tuple[dict[str, list], list[str]]: Clip -> what was read, in the order of `files`; a line on every file that was
        left out.

    Raises:
        DataError: A file is broken, and `skip_bad` is not set.
    """
    jobs = min(jobs or os.cpu_count() or 1, len(files))
    results, bad = {}, []
    with contextlib.closing(_results(files, read, jobs)) as found:  # ends the processes at once where a file is broken
        for name, result in track(found, 'reading', total=len(files)):
            if isinstance(result, str):
                if not skip_bad:
                    raise DataError(result)
                bad.append(result)
            else:
                results[name] = result
    return {name: results[name] for name in files if name in results}, bad


def _results(files, read, jobs):
    if jobs <= 1:
        yield from ((name, _attempt(read, name, path)) for name, path in files.items())
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(_attempt, read, name, path): name for name, path in files.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise DataError('a process that read files was ended from outside, perhaps for want of memory; --jobs 1 '
                            'shows at which file.') from None
        finally:
            pool.shutdown(cancel_futures=True)  # waits for those that read just now


def _attempt(read, name, path):
    """What `read` makes of a file, or what is wrong with it."""
    try:
        return read(name, path)
    except (ValueError, OSError, pickle.UnpicklingError) as error:  # a DataError is a ValueError
        return ' '.join(str(error).split())
