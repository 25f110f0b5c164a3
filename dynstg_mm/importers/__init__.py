"""Readers of other programs' files: a path in, `Recording` objects out."""
from dynstg_mm.importers.find import SUFFIXES, find_files, read_files
from dynstg_mm.importers.json_files import read_alphapose, read_mmpose, read_openpose
from dynstg_mm.importers.mocap import read_bvh, read_c3d
from dynstg_mm.importers.pickles import read_mmaction
from dynstg_mm.importers.recording import EmptyRecording, Recording, need, readable
from dynstg_mm.importers.tables import COORDS, csv_rows, read_csv, read_mediapipe, read_npz

READERS = dict(openpose=read_openpose, alphapose=read_alphapose, mmpose=read_mmpose, mediapipe=read_mediapipe,
               csv=read_csv, npz=read_npz, bvh=read_bvh, c3d=read_c3d, mmaction=read_mmaction)
LIBRARIES = dict(bvh=('pymotion.io.bvh', 'bvh'), c3d=('c3d', 'c3d'))  # module, and the extra that brings it

__all__ = [
    'COORDS', 'EmptyRecording', 'LIBRARIES', 'READERS', 'Recording', 'SUFFIXES', 'csv_rows',
    'find_files', 'need', 'read_alphapose', 'read_bvh', 'read_c3d', 'read_csv', 'read_files', 'read_mediapipe', 'read_mmaction',
    'read_mmpose', 'read_npz', 'read_openpose', 'readable'
]
