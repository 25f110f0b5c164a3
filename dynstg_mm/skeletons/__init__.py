"""Skeleton layouts as data, joints mapped by name, and the matrices of the hierarchy."""
from dynstg_mm.skeletons.layout import MOST_JOINTS, depth_first, get_layout, mirror_order, parents, side_of
from dynstg_mm.skeletons.layouts import LAYOUTS, Layout
from dynstg_mm.skeletons.mapping import best_layout, find_joints, map_joints, missing_joints, name_hint, pelvis_joints

__all__ = [
    'LAYOUTS', 'Layout', 'MOST_JOINTS', 'best_layout', 'depth_first', 'find_joints', 'get_layout', 'map_joints',
    'mirror_order', 'missing_joints', 'name_hint', 'parents', 'pelvis_joints', 'side_of'
]
