import numpy as np
import pytest

from dynstg_mm.audit import audit_file, json_report, text_report
from dynstg_mm.audit.findings import Findings
from dynstg_mm.audit.origins import pose_columns, recognised_origins
from dynstg_mm.files import dump_pickle
from dynstg_mm.skeletons import get_layout


@pytest.fixture
def clips(sample):
    """Six walkers of two classes, two clips each, and half of each class at either site."""
    people = [clip for clip in sample['annotations'] if clip['label'] < 2 and int(clip['frame_dir'][-4:-2]) < 6]
    return [dict(clip, keypoint=clip['keypoint'].astype(np.float32), site=('Kiel', 'Lyon')[place // 2 % 2])
            for place, clip in enumerate(people)]


def other_camera(clip):
    """Another program draws the ankles and wrists further out."""
    keypoint = clip['keypoint'].copy()
    layout = get_layout('body_25')
    for joint in ('left_ankle', 'right_ankle', 'left_wrist', 'right_wrist'):
        keypoint[:, :, layout['joints'].index(joint)] *= 1.03
    return dict(clip, keypoint=keypoint)


def audit(clips, tmp_path):
    path = tmp_path / 'sites.pkl'
    dump_pickle(dict(split={}, annotations=clips, layout='body_25', classes=list('abcd')), path)
    return audit_file(path, progress=False)


def test_a_site_with_another_camera_is_recognised_and_reported(clips, tmp_path):
    clips = [other_camera(clip) if clip['site'] == 'Lyon' else clip for clip in clips]
    found = audit(clips, tmp_path)
    keypoints, by_class = found.origins['site']
    assert keypoints.source == 'keypoints' and keypoints.chance == .5
    assert keypoints.low > .5 and keypoints.macro_recall > .85 and by_class.low <= .5
    assert [finding.level for finding in found.findings if finding.kind == 'site_known'] == ['warning']
    assert not any(finding.kind == 'site_class' for finding in found.findings)
    assert '| site' in text_report(found) and json_report(found)['origins']['site'][0]['chance'] == .5


def test_one_camera_at_both_sites_is_near_chance(clips):
    keypoints, _ = recognised_origins(_audited(clips), get_layout('body_25'), Findings(), progress=False)['site']
    assert keypoints.low < .5 < keypoints.high


def _audited(clips):
    from dynstg_mm.audit.clips import AuditedClip
    return [AuditedClip(clip['frame_dir'], clip, set()) for clip in clips]


def test_a_site_of_one_class_predicts_it(clips, tmp_path):
    found = audit([dict(clip, site=('Kiel', 'Lyon')[clip['label']]) for clip in clips], tmp_path)
    assert found.origins['site'][1].macro_recall == 1  # from the class alone
    assert any(finding.kind == 'site_class' for finding in found.findings)
    assert {way.source: way.macro_recall for way in found.shortcuts['all']}['site'] == 1


def test_a_person_at_two_sites_is_named_and_no_field_is_needed(clips, tmp_path):
    clips[1]['site'] = 'Lyon'
    found = audit(clips, tmp_path)
    where = [finding.where for finding in found.findings if finding.kind == 'several_sites']
    assert where == [[f'subject {clips[1]["subject"]}: site Kiel, Lyon']]
    for clip in clips:
        del clip['site']
    assert audit(clips, tmp_path).origins == {}


def test_place_size_and_direction_are_no_part_of_what_is_recognised(clips):
    layout, clip = get_layout('body_25'), clips[0]
    moved = dict(clip, keypoint=clip['keypoint'] * np.float32(1.7) + np.where(
        (clip['keypoint'] != 0).any(-1, keepdims=True), np.float32([300, 90]), 0).astype(np.float32))
    np.testing.assert_allclose(pose_columns(moved, layout), pose_columns(clip, layout), atol=1e-3)
