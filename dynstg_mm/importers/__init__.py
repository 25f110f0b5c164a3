"""Readers of other programs' files: a path in, `Recording` objects out."""
from collections.abc import Callable

from dynstg_mm.importers.alphapose import read_alphapose
from dynstg_mm.importers.bvh import read_bvh
from dynstg_mm.importers.c3d import read_c3d
from dynstg_mm.importers.csv_table import csv_rows
from dynstg_mm.importers.deeplabcut import read_deeplabcut
from dynstg_mm.importers.find import SUFFIXES, find_files, read_files
from dynstg_mm.importers.freemocap import read_freemocap
from dynstg_mm.importers.h36m import read_h36m
from dynstg_mm.importers.kinect import read_kinect
from dynstg_mm.importers.mediapipe import read_mediapipe
from dynstg_mm.importers.mmaction import read_mmaction
from dynstg_mm.importers.mmpose import read_mmpose
from dynstg_mm.importers.mot import read_mot
from dynstg_mm.importers.myogait import read_myogait
from dynstg_mm.importers.npz import read_npz
from dynstg_mm.importers.openpose import read_openpose
from dynstg_mm.importers.pixels import COORDS
from dynstg_mm.importers.recording import EmptyRecording, Recording, readable
from dynstg_mm.importers.stgcn import read_stgcn
from dynstg_mm.importers.tabular import read_csv
from dynstg_mm.importers.trc import read_trc
from dynstg_mm.importers.video import read_video

READERS: dict[str, Callable[..., list[Recording]]] = dict(
    openpose=read_openpose, alphapose=read_alphapose, mmpose=read_mmpose, mediapipe=read_mediapipe, csv=read_csv,
    npz=read_npz, bvh=read_bvh, c3d=read_c3d, trc=read_trc, mot=read_mot, deeplabcut=read_deeplabcut,
    myogait=read_myogait, freemocap=read_freemocap, h36m=read_h36m, kinect=read_kinect, stgcn=read_stgcn,
    mmaction=read_mmaction, video=read_video)
# Module that a format needs, and the extra that installs it.
LIBRARIES = dict(bvh=('pymotion.io.bvh', 'bvh'), c3d=('c3d', 'c3d'), video=('av', 'video'))
MANY_CLIPS = ('mmaction', 'stgcn', 'h36m')  # formats of files that name their clips
POSE_ESTIMATORS = ('openpose', 'alphapose', 'mmpose', 'mediapipe', 'deeplabcut')  # formats that name the program

__all__ = [
    'COORDS', 'EmptyRecording', 'LIBRARIES', 'MANY_CLIPS', 'POSE_ESTIMATORS', 'READERS', 'Recording', 'SUFFIXES',
    'csv_rows', 'find_files', 'read_alphapose', 'read_bvh', 'read_c3d', 'read_csv', 'read_deeplabcut', 'read_files',
    'read_freemocap', 'read_h36m', 'read_kinect', 'read_mediapipe', 'read_mmaction', 'read_mmpose', 'read_mot',
    'read_myogait', 'read_npz', 'read_openpose', 'read_stgcn', 'read_trc', 'read_video', 'readable'
]
