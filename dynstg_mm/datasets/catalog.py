"""The data sets with a name, and their classes; `data/README.md` says how to get them."""
from mmaction.registry import DATASETS

from dynstg_mm.datasets.gait_dataset import GaitDataset


@DATASETS.register_module()
class KOANMDataset(GaitDataset):
    """KOA-NM: knee osteoarthritis and normal walking, the KOA and NM part of KOA-PD-NM (Kour 2022)."""

    METAINFO = dict(classes=('NM', 'KOA'))


@DATASETS.register_module()
class KOAPDNMDataset(GaitDataset):
    """KOA-PD-NM: knee osteoarthritis, Parkinson's disease and normal walking (Kour 2022)."""

    METAINFO = dict(classes=('NM', 'KOA', 'PD'))


@DATASETS.register_module()
class KOAStageDataset(GaitDataset):
    """The knee osteoarthritis walks of KOA-PD-NM by stage: early, moderate, severe (Kour 2022)."""

    METAINFO = dict(classes=('EL', 'MD', 'SV'))


@DATASETS.register_module()
class MSNDDataset(GaitDataset):
    """MSND: musculoskeletal and neurological disorders, optical motion capture (Rueangsirarak 2018)."""

    METAINFO = dict(classes=('Healthy', 'Joint Problem', 'Muscle Weakness', 'Neurological Defect'))


@DATASETS.register_module()
class ActedGaitDataset(GaitDataset):
    """Six acted gaits of ten people by Kinect v2, not of patients (Jun 2020)."""

    METAINFO = dict(classes=('normal', 'antalgic', 'stiff_legged', 'lurch', 'steppage', 'trendelenburg'))


@DATASETS.register_module()
class CAREPDDataset(GaitDataset):
    """CARE-PD: walks of people with Parkinson's disease at several sites, by their UPDRS gait score (Adeli 2025)."""

    METAINFO = dict(classes=('0', '1', '2', '3'))


@DATASETS.register_module()
class PDWalkDataset(GaitDataset):
    """PD-WALK: healthy walking and Parkinson's disease. The order of the classes is our choice."""

    METAINFO = dict(classes=('Healthy', 'PD'))


@DATASETS.register_module()
class AtaxiaDataset(GaitDataset):
    """ATAXIA: controls and spinocerebellar ataxia on the SARA gait task (Rahman 2022). The order is our choice."""

    METAINFO = dict(classes=('Control', 'Ataxia'))


@DATASETS.register_module()
class SyntheticGaitDataset(GaitDataset):
    """The synthetic sample of `data/`: computed walkers, not recordings of people."""

    METAINFO = dict(classes=('normal', 'parkinson', 'ataxia', 'osteoarthritis'))
