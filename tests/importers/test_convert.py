import json
import multiprocessing
import os
import resource
import signal
import sys

import numpy as np
import pytest

from dynstg_mm.audit import audit_file
from dynstg_mm.audit.report import text_report
from dynstg_mm.datasets import GaitDataset
from dynstg_mm.datasets.targets import targets_of_texts
from dynstg_mm.errors import ConfigError, DataError, UserError
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers import find_files, read_files
from dynstg_mm.importers.convert import convert, cut
from dynstg_mm.importers.splits import make_splits
from dynstg_mm.importers.writing import drop_duplicates, write
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT, run_script
from .test_readers import walker, write_openpose
from .written import person, write_c3d

CONVERT = ROOT / 'tools/data/convert.py'
HEADER = 'frame,' + ','.join(f'{joint}_{axis}' for joint in ('left_hip', 'right_hip', 'left_knee') for axis in 'xy')


def write_csv(path, seed, frames=30, header=HEADER):
    """A recording of three joints; `seed` makes it its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = np.random.default_rng(seed).random((frames, 6)).round(4) * 100
    path.write_text('\n'.join([header, *(','.join(map(str, [frame, *row])) for frame, row in enumerate(place))]))
    return path


def write_npz(path, frames):
    place = np.random.default_rng(0).random((frames, 3, 2)) * 100
    np.savez(path, keypoint=place, keypoint_score=np.ones((frames, 3)), rate=50)


@pytest.fixture
def lab(tmp_path):
    """Ten people of two classes with two recordings each, and their table, in folders as people name them."""
    folder, lines = tmp_path / 'Gang labor Ä', ['clip,subject,label,rate,age']
    for subject in range(10):
        for walk in range(2):
            name = f'Müller {subject}_{walk}'
            write_csv(folder / f'{name}.csv', 2 * subject + walk)
            lines.append(f'{name},Müller {subject},{"gesund" if subject < 5 else "ataxie"},50,60')
    (tmp_path / 'labels.csv').write_text('\n'.join(lines))
    return folder


def table(lab, change=None):
    """The label table as text, or after `change` has had its way with it."""
    path = lab.parent / 'labels.csv'
    if change is not None:
        path.write_text(change(path.read_text()))
    return path


def error(lab, kind='csv', error=UserError, **options):
    """The line of error, with the old file left as it was."""
    out = lab.parent / 'gait.pkl'
    out.write_bytes(b'old')
    with pytest.raises(error) as caught:
        convert(kind, lab, out, **dict(dict(labels=table(lab)), **options))
    assert '\n' not in str(caught.value) and out.read_bytes() == b'old'
    assert [path.name for path in lab.parent.iterdir() if path.suffix == '.part'] == []
    return str(caught.value)


def test_a_laboratorys_folder_becomes_an_annotation_file(lab, tmp_path, run_tool, error_of):
    raw = table(lab).read_text().replace(',', ';').encode('utf-8-sig')
    table(lab).write_bytes(raw)
    (lab / 'Müller 3_1.csv').write_text('')
    out = tmp_path / 'neue Daten' / 'gait é.pkl'
    arguments = [CONVERT, 'csv', lab, '--labels', table(lab), '--out', out, '--jobs', '2', '--classes', 'gesund',
                 'ataxie']
    assert error_of(*arguments) == f'error: {lab}/Müller 3_1.csv: empty; expected a header and data.'
    assert not out.exists()
    done = run_tool(*arguments, '--skip-bad', '--folds', '5', 'loso', '--name', 'gait')
    assert done.returncode == 0, done.stdout
    assert 'left out: ' in done.stdout and '19 clips, 30 splits (gait, gait_loso)' in done.stdout
    rows = [line.replace('|', ' ').split()[:4] for line in done.stdout.splitlines()]
    assert ['gesund', '5', '9', '50'] in rows and ['ataxie', '5', '10', '50'] in rows
    data = load_pickle(out)
    assert data['classes'] == ['gesund', 'ataxie'] and 'layout' not in data
    clip = next(clip for clip in data['annotations'] if clip['frame_dir'] == 'Müller 7_0')
    assert (clip['subject'], clip['label'], clip['rate'], clip['total_frames']) == ('Müller 7', 1, 50, 30)
    assert clip['keypoint'].shape == (1, 30, 3, 2) and clip['keypoint_score'].shape == (1, 30, 3)
    for split, tests in (('gait', 5), ('gait_loso', 10)):
        tested = [clip['frame_dir'] for fold in range(tests)
                  for clip in GaitDataset(str(out), [], split=split, fold=fold, test_mode=True)]
        assert len(tested) == len(set(tested)) == 19


@pytest.mark.parametrize('change, message', [
    (lambda text: text.replace('subject', 'who', 1), 'no column subject; expected clip, subject, label'),
    (lambda text: '', 'labels.csv: empty'),
    (lambda text: text.replace('Müller 3,', ',', 1), 'line 8: subject: empty'),
    (lambda text: text.replace(',gesund', ',', 1), 'line 2: label: empty'),
    (lambda text: text + '\n' + text.splitlines()[1], 'line 22: clip: Müller 0_0'),
    (lambda text: text.replace(',50', ',fifty', 1), "clip Müller 0_0: rate: 'fifty'"),
    (lambda text: text.replace(',50', ',0', 1), "clip Müller 0_0: rate: '0'; expected"),
    (lambda text: text.replace(',50', ',20000', 1), "clip Müller 0_0: rate: '20000'; expected"),
    (lambda text: text.replace(',50', ',', 1), 'clip Müller 0_0: rate: missing'),
    (lambda text: text.replace('gesund', 'Gesund', 1), "label: 'Gesund' and 'gesund'"),
    (lambda text: text.replace('Müller 3,', 'müller 3,', 1), "subject: 'müller 3' and 'Müller 3'"),
    (lambda text: text.replace('gesund', '"gesund;PD"').replace(',60', ',"60"'), "label: 'gesund;PD'"),
    (lambda text: text.replace('gesund', 'gesund/ataxie', 2), "label: 'gesund/ataxie'"),
    (lambda text: text.replace('gesund', '0.5'), "label: '0.5'"),
    (lambda text: text.replace('gesund', 'gesnud', 1), "'gesund', but other clips of subject Müller 0"),
    (lambda text: text.rsplit('\n', 1)[0], 'clip Müller 9_1: no line in the table'),
    (lambda text: text + '\nMayer_1,Mayer,gesund,50,1', 'clip Mayer_1: no such recording; there are Müller '),
    (lambda text: text + '\nMayer_1,Mayer', 'line 22: 2 cells; the header has 5'),
])
def test_wrong_table_is_one_line(lab, change, message):
    assert message in error(lab, labels=table(lab, change), error=DataError)


@pytest.mark.parametrize('options, message', [
    (dict(labels=None), 'labels: missing'), (dict(rate=-1), 'rate: -1; expected frames per second'),
    (dict(rate=0.01), 'rate: 0.01; expected'), (dict(scale=0.), 'scale: 0; expected a number above 0'),
    (dict(labels='nowhere.csv'), 'nowhere.csv: no such file'),
    (dict(classes=['gesund']), "clip Müller 5_0: label: 'ataxie'; expected one of gesund"),
    (dict(layout='coco'), 'Müller 0_0: joints: nose, left_eye'),
    (dict(layout='nobody', error=ConfigError), "unknown name 'nobody'"), (dict(kind='bvh'), 'no *.bvh in or below it'),
    (dict(kind='bvh', folds=[6]), 'no *.bvh in or below it'),  # before what is wrong with the folds
    (dict(folds=[6], error=DataError), "gait: 5 subjects of class 'ataxie'; 6 folds"),
    (dict(max_seconds=0.001), 'less than a frame'),
])
def test_wrong_option_is_one_line(lab, options, message):
    assert message in error(lab, **options)


@pytest.mark.parametrize('kind, library, extra', [('bvh', 'pymotion.io.bvh', 'bvh'), ('c3d', 'c3d', 'c3d')])
def test_missing_library_is_named(lab, monkeypatch, kind, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    assert f'pip install "dynstg_mm[{extra}]"' in error(lab, kind, DataError, skip_bad=True)


def test_broken_recordings_are_named_and_counted(lab):
    (lab / 'Müller 1_0.csv').write_text(HEADER + '\n0,1,2,3,4,5,')
    write_csv(lab / 'Müller 2_0.csv', 0, header=HEADER.replace('left_knee', 'head'))
    assert 'Müller 1_0.csv: keypoints: NaN or infinite in frame 0, joint 2' in error(lab)
    summary = convert('csv', lab, lab.parent / 'gait.pkl', labels=table(lab, lambda text: text.replace(
        'Müller 2_0,', 'Müller 2_9,')), skip_bad=True)
    assert summary.count('left out: ') == 3 and '18 clips' in summary


def test_skeletons_that_differ_are_named(lab):
    write_csv(lab / 'Müller 2_0.csv', 0, header=HEADER.replace('left_knee', 'head'))
    assert 'clip Müller 2_0: joints: head instead of left_knee, unlike clip Müller 0_0' in error(lab)
    (lab / 'Müller 0_0.csv').write_text('x0,y0\n1,2\n')
    assert 'clip Müller 0_0: keypoint: 1 joints of 2 coordinates instead of 3 of 2' in error(lab)
    summary = convert('csv', lab, lab.parent / 'gait.pkl', labels=table(lab), skip_bad=True)
    assert '18 clips' in summary and summary.count('left out: ') == 2


def test_clips_without_a_rate_are_left_out_if_asked(lab):
    without = table(lab, lambda text: text.replace(',50', ',', 1))
    assert 'clip Müller 0_0: rate: missing' in error(lab, labels=without)
    summary = convert('csv', lab, lab.parent / 'gait.pkl', labels=without, skip_bad=True)
    assert 'left out: clip Müller 0_0: rate: missing' in summary and '19 clips' in summary
    none = table(lab, lambda text: text.replace(',50', ','))
    assert 'no clip is left; the last one: clip Müller 9_1: rate: missing' in error(lab, labels=none, skip_bad=True)


def test_the_table_is_checked_before_the_recordings_are_read(lab):
    (lab / 'Müller 0_0.csv').write_text('')
    assert '6 folds need' in error(lab, folds=[6])


def test_the_table_may_name_files(lab):
    files = table(lab, lambda text: text.replace('_1,', '_1.CSV,'))
    assert '20 clips' in convert('csv', lab, lab.parent / 'gait.pkl', labels=files)
    twice = table(lab, lambda text: text.replace('Müller 0_0,', 'Müller 0_1,', 1))
    assert 'clip: Müller 0_1.CSV' in error(lab, labels=twice)


def test_clip_without_any_of_the_wanted_joints_is_named(tmp_path):
    keypoint = np.full((9, 2, 2), 50.)
    keypoint[:, 1] = 0
    np.savez(tmp_path / 'walk.npz', keypoint=keypoint, joints=['left_hip', 'right_hip'], rate=10)
    with pytest.raises(DataError, match="walk.npz: clip walk: keypoint: none of the layout's joints is seen"):
        convert('npz', tmp_path / 'walk.npz', tmp_path / 'gait.pkl', labels=dict(walk=dict(subject='a', label='b')),
                folds=(), layout=dict(num_node=1, joints=['right_hip'], inward=[], center=0))


def test_joints_are_brought_into_one_order(lab):
    first, out = lab / 'Müller 0_0.csv', lab.parent / 'gait.pkl'
    names = HEADER.split(',')
    lines = [line.split(',') for line in first.read_text().splitlines()]
    first.write_text('\n'.join(','.join(line[index] for index in (0, 3, 4, 5, 6, 1, 2)) for line in lines))
    convert('csv', lab, out, labels=table(lab), layout=dict(num_node=3, inward=[(1, 0), (2, 0)], center=0, joints=(
        'left_hip', 'right_hip', 'left_knee')))
    clip = load_pickle(out)['annotations'][0]
    np.testing.assert_allclose(clip['keypoint'][0, 0].ravel(), [float(cell) for cell in lines[1][1:]], rtol=1e-6)
    assert len(names) == 7 and load_pickle(out)['layout']['num_node'] == 3


def test_folders_with_equal_file_names_are_distinguished(tmp_path):
    for folder in ('a', 'b'):
        write_csv(tmp_path / folder / 'walk.csv', 0)
    write_csv(tmp_path / 'b/other.csv', 0)
    assert list(find_files('csv', tmp_path)) == ['a/walk', 'b/walk', 'other']
    write_openpose(tmp_path / 'op/one', [walker(3, 25)])
    write_openpose(tmp_path / 'op/two', [walker(4, 25)])
    assert {name: len(files) for name, files in find_files('openpose', tmp_path / 'op').items()} == dict(one=3, two=4)


def test_the_table_may_lie_among_the_recordings(lab):
    (lab / 'labels.csv').write_text(table(lab).read_text())
    assert '20 clips' in convert('csv', lab, lab / 'gait.pkl', labels=lab / 'labels.csv')


def end_process(name, path):
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_process_is_one_line(tmp_path):
    with pytest.raises(DataError, match='process .* --jobs 1'):
        read_files(dict(a=tmp_path, b=tmp_path), end_process, jobs=2)


def refuse(name, path):
    raise DataError(f'{path}: broken.')


def test_no_process_is_left_behind_where_a_file_is_broken(tmp_path):
    with pytest.raises(DataError, match='broken') as caught:  # whose traceback keeps the reading function's frame
        read_files({str(index): tmp_path for index in range(40)}, refuse, jobs=2)
    assert caught.value.__traceback__ is not None and multiprocessing.active_children() == []


def test_a_split_of_the_table_is_taken(lab):
    out = lab.parent / 'gait.pkl'
    text = table(lab).read_text().splitlines()
    parts = ['split', *['test' if line.split('_')[0][-1] in '09' else 'train' for line in text[1:]]]
    with_parts = '\n'.join(f'{line},{part}' for line, part in zip(text, parts))
    convert('csv', lab, out, labels=table(lab, lambda _: with_parts))
    assert {name: len(clips) for name, clips in load_pickle(out)['split'].items()} == dict(test=4, train=16)
    some = with_parts.replace('train', '', 1).replace('test', 'dev')
    summary = convert('csv', lab, out, labels=table(lab, lambda _: some))
    assert 'note: 1 of 20 clips have no split' in summary
    assert 'note: split dev: ' in summary
    leaking = with_parts.replace('test', 'train', 1)
    assert 'split: clip Müller 0_1: subject: Müller 0' in error(lab, labels=table(lab, lambda _: leaking))


@pytest.mark.parametrize('people, folds', [(3, 3), (1, 0)])
def test_a_small_class_gets_fewer_folds_unless_their_number_is_given(lab, people, folds):
    def few(text):
        return '\n'.join(line for line in text.splitlines()
                         if 'ataxie' not in line or int(line.split('_')[0][-1]) < 5 + people)
    out, small = lab.parent / 'gait.pkl', table(lab, few)
    summary = convert('csv', lab, out, labels=small, skip_bad=True)
    assert f'class ataxie has only {people}' in summary
    assert len(load_pickle(out)['split']) == 2 * folds
    assert f'{people} subjects of' in error(lab, labels=small, skip_bad=True, folds=[5])


def test_convert_and_audit_agree_on_what_is_lost(tmp_path):
    place = np.random.default_rng(0).random((100, 4, 2)) + 1
    place[:30] = 0  # nobody
    place[30:65, 0] = 0
    np.savez(tmp_path / 'walk.npz', keypoint=place, rate=25)
    out = tmp_path / 'gait.pkl'
    summary = convert('npz', tmp_path / 'walk.npz', out, labels=dict(walk=dict(subject='a', label='b')), folds=[])
    report = text_report(audit_file(out, progress=False))
    for text in (summary, report):
        row = next(line for line in text.splitlines() if '| b ' in line)
        assert '| 12.5%' in row and '| 30.0%' in row


def test_long_recordings_are_cut(lab):
    write_npz(lab.parent / 'long.npz', 30_000)  # ten minutes at 50 per second
    out = lab.parent / 'gait.pkl'
    rows = dict(long=dict(subject='a', label='b'))
    convert('npz', lab.parent / 'long.npz', out, labels=rows, max_seconds=10, folds=())
    parts = load_pickle(out)['annotations']
    assert [clip['frame_dir'] for clip in parts[:2]] == ['long/0', 'long/1']
    assert len(parts) == 60 and {clip['total_frames'] for clip in parts} == {500}
    assert [part['total_frames'] for part in cut(parts[0], 4)] == [166, 167, 167]


def test_part_of_a_long_recording_without_anybody_is_left_out(tmp_path):
    score = np.ones((300, 3))
    score[100:200] = 0
    np.savez(tmp_path / 'long.npz', keypoint=np.full((300, 3, 2), 50.), keypoint_score=score, rate=10)
    summary = convert('npz', tmp_path / 'long.npz', tmp_path / 'gait.pkl', folds=(), max_seconds=10,
                      labels=dict(long=dict(subject='a', label='b')))
    assert 'left out: clip long/1: nobody in it' in summary and '2 clips' in summary


def test_duplicated_recording(lab):
    (lab / 'Müller 4_1.csv').write_text((lab / 'Müller 4_0.csv').read_text())
    out = lab.parent / 'gait.pkl'
    summary = convert('csv', lab, out, labels=table(lab))
    assert 'duplicate: Müller 4_1 is the same recording as Müller 4_0; left out' in summary and '19 clips' in summary
    assert '20 clips' in convert('csv', lab, out, labels=table(lab), keep_duplicates=True)
    (lab / 'Müller 8_1.csv').write_text((lab / 'Müller 4_0.csv').read_text())
    assert 'clip Müller 8_1: label: another one than that of Müller 4_0' in error(lab)
    assert drop_duplicates([dict(keypoint=np.ones((1, 3)), label=0, frame_dir='a')])[1] == []


def test_vertical_axis_and_unit(tmp_path):
    path = tmp_path / 'walk.npz'
    np.savez(path, keypoints=np.array([[[1., 2, 3], [4, 5, 6]]]), rate=10)
    for up, expected in (('y', (1, 2, 3)), ('z', (1, 3, -2)), ('-z', (1, -3, 2)), ('-y', (1, -2, -3)),
                         ('x', (-2, 1, 3)), ('-x', (2, -1, 3))):
        convert('npz', path, tmp_path / 'gait.pkl', labels=dict(walk=dict(subject='a', label='b')), up=up, folds=(),
                scale=0.1, reader=dict(dims=3))
        np.testing.assert_allclose(load_pickle(tmp_path / 'gait.pkl')['annotations'][0]['keypoint'][0, 0, 0],
                                   np.array(expected) * 0.1, rtol=1e-6)


def test_annotation_file_of_ours_and_of_others(sample, tmp_path):
    path, out = tmp_path / 'ours.pkl', tmp_path / 'gait.pkl'
    clips = [dict(clip, keypoint=clip['keypoint'].astype(np.float32)) for clip in sample['annotations'][::4]]
    dump_pickle(dict(split={}, annotations=clips, classes=['a', 'b', 'c', 'd'], layout='body_25'), path)
    summary = convert('mmaction', path, out)
    data = load_pickle(out)
    assert data['layout'] == 'body_25' and data['classes'] == list('abcd') and f'{len(clips)} clips' in summary
    dump_pickle(dict(split={}, annotations=clips), path)
    with pytest.raises(DataError, match='25 joints; the layout has 17.*--source-layout'):
        convert('mmaction', path, out, layout='coco')
    convert('mmaction', path, out, layout='coco', source_layout='body_25')
    mapped = load_pickle(out)['annotations'][0]['keypoint']
    assert np.array_equal(mapped[..., (0, 13), :], clips[0]['keypoint'][..., (0, 13), :])  # nose and left knee in both
    for clip in clips:
        clip.pop('subject')
    dump_pickle(dict(split={}, annotations=clips), path)
    with pytest.raises(DataError, match=f'clip {clips[0]["frame_dir"]}: subject: missing'):
        convert('mmaction', path, out)
    rows = {clip['frame_dir']: dict(subject=clip['frame_dir'], label='AB'[index % 2])
            for index, clip in enumerate(clips)}
    convert('mmaction', path, out, labels=rows, layout='body_25')
    assert load_pickle(out)['classes'] == ['A', 'B']


def test_labels_by_number_are_in_their_order(tmp_path):
    for index in (10, 2):
        write_npz(tmp_path / f'{index}.npz', 10 + index)
    (tmp_path / 'labels.csv').write_text('clip\tsubject\tlabel\n10\ta\t10\n2\tb\t2\n')
    convert('npz', tmp_path, tmp_path / 'gait.pkl', labels=tmp_path / 'labels.csv', folds=())
    data = load_pickle(tmp_path / 'gait.pkl')
    assert data['classes'] == ['2', '10'] and [clip['label'] for clip in data['annotations']] == [1, 0]


def test_full_disk_leaves_the_old_file(tmp_path):
    write_npz(tmp_path / 'long.npz', 30_000)
    out = tmp_path / 'gait.pkl'
    out.write_bytes(b'old')
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limit[1]))  # the system then refuses to let a file grow
    try:
        with pytest.raises(DataError, match='gait.pkl: not written, and left as it was: File too large'):
            convert('npz', tmp_path / 'long.npz', out, labels=dict(long=dict(subject='a', label='b')), folds=())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert out.read_bytes() == b'old' and sorted(path.name for path in tmp_path.iterdir()) == ['gait.pkl', 'long.npz']


def test_wrong_command_is_one_line(lab, error_of):
    arguments = [CONVERT, 'csv', lab, '--labels', table(lab), '--out', lab.parent / 'gait.pkl']
    assert '--dims: ' in error_of(*arguments, '--dims', '2')
    assert '--folds: many' in error_of(*arguments, '--folds', 'many')
    assert 'folds: 10 and 5' in error_of(*arguments, '--folds', '10', '5')
    (lab / 'layout.json').write_text('{"num_node": 3')
    assert 'layout.json: not a readable JSON file' in error_of(*arguments, '--layout', lab / 'layout.json')
    (lab / 'layout.json').write_text(json.dumps(dict(num_node=3, inward=[[1, 9]], center=0)))
    assert 'inward: joint 9' in error_of(*arguments, '--layout', lab / 'layout.json')
    assert f'{lab}: a folder; expected the name' in error_of(*arguments[:-1], lab)


def test_leaving_one_subject_out_has_splits_of_its_own():
    clips = [dict(frame_dir=f's{subject}_{walk}', subject=f's{subject}', label=0) for subject in range(4)
             for walk in range(2)]
    assert make_splits(clips, 'task', ['loso'])['task_loso_fold2_test'] == ['s2_0', 's2_1']


def test_a_file_that_the_data_set_would_refuse_is_not_written(tmp_path):
    data = dict(split=dict(train=['a'], test=['b']), annotations=[
        dict(frame_dir=name, subject='one', label=0, rate=30., total_frames=3, keypoint=np.ones((1, 3, 2, 2)))
        for name in 'ab'])
    with pytest.raises(DataError, match='gait.pkl: clip b: subject: one'):
        write(data, tmp_path / 'gait.pkl')
    assert not (tmp_path / 'gait.pkl').exists()
    write(data, tmp_path / 'gait.pkl', shared_subjects=True)
    data['annotations'][0]['total_frames'] = 4
    with pytest.raises(DataError, match='clip a: total_frames'):
        write(data, tmp_path / 'gait.pkl', shared_subjects=True)


def run_here(monkeypatch, script, *arguments):
    monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
    run_script(str(ROOT / script))


def test_pd_walk_and_ataxia(lab, error_of, monkeypatch):
    out = lab.parent / 'out.pkl'
    text = table(lab).read_text()
    pd = table(lab, lambda _: text.replace('gesund', 'Healthy').replace('ataxie', 'PD'))
    run_here(monkeypatch, 'tools/data/pd_walk/convert.py', 'csv', lab, '--labels', pd, '--out', out)
    assert load_pickle(out)['classes'] == ['Healthy', 'PD'] and 'pd_walk_fold4_test' in load_pickle(out)['split']
    lines = ['ID,Score,subject,rate'] + [f'Müller {subject}_{walk},{subject % 2 * 4},Müller {subject},30'
                                         for subject in range(10) for walk in range(2)]
    scores = table(lab, lambda _: '\n'.join(lines))
    run_here(monkeypatch, 'tools/data/ataxia/convert.py', 'csv', lab, '--labels', scores, '--out', out)
    data = load_pickle(out)
    assert {clip['label'] for clip in data['annotations'] if clip['frame_dir'].startswith('severity/')} == {0, 3}
    assert len(data['annotations']) == 40 and len(data['split']['ataxia_risk_fold0_test']) == 4
    assert {clip['targets']['sara_gait'] for clip in data['annotations']} == {0, 4}
    severity = GaitDataset(str(out), [], 'ataxia_severity', fold=0, targets=['severity'])
    assert severity.metainfo['classes'] == ('0', '1', '2', '3+')
    ataxia = ['tools/data/ataxia/convert.py', 'csv', lab, '--labels', scores, '--out', out]
    table(lab, lambda text: text.replace(',4,', ',9,', 1))
    assert "clip Müller 1_0: Score: '9'; expected a whole number from 0 to 8" in error_of(*ataxia)
    table(lab, lambda text: text.replace('subject', 'site', 1))
    assert 'no column subject' in error_of(*ataxia)


def test_names_that_differ_only_in_case_are_refused(lab):
    text = table(lab).read_text()
    for name, old, new in (('subject', '_1,Müller 3', '_1,müller 3'), ('label', 'ataxie', 'Ataxie')):
        assert f'{name}: ' in error(lab, labels=table(lab, lambda _, old=old, new=new: text.replace(old, new, 1)))


@pytest.mark.parametrize('label, own', [('0.5', True), ('1,25', True), ('ataxie;gesund', True), ('ataxie/andere', True),
                                        ('ataxie-früh', False), ('2.0', False)])
def test_labels_that_are_no_class(lab, label, own):
    changed = [line.replace('ataxie', f'"{label}"') if line.startswith('Müller 9') else line
               for line in table(lab).read_text().splitlines()]
    labels, out, classes = table(lab, lambda _: '\n'.join(changed)), lab.parent / 'gait.pkl', None
    if own:
        assert 'label: ' in error(lab, labels=labels, folds=())
        classes = ['gesund', 'ataxie', label]  # which says that it is a class
    convert('csv', lab, out, labels=labels, folds=(), classes=classes)
    assert label in load_pickle(out)['classes']


def test_a_score_is_reported_before_folds(lab):
    labels = table(lab, lambda text: text.replace('ataxie', '0.5'))
    assert 'label: ' in error(lab, labels=labels)


def test_columns_that_are_not_used_are_named(lab):
    assert 'not used: age' in convert('csv', lab, lab.parent / 'gait.pkl', labels=table(lab))


def test_the_table_may_name_the_videos_of_the_recordings(lab):
    out = lab.parent / 'gait.pkl'
    assert '20 clips' in convert('csv', lab, out, labels=table(lab, lambda text: text.replace('_1,', '_1.MP4,')))
    (lab / 'Müller 0_1.csv').rename(lab / 'Müller 0_1.MP4.csv')  # as some programs do
    assert '20 clips' in convert('csv', lab, out, labels=table(lab))


def test_lost_markers_are_lost_everywhere(tmp_path):
    names = ['left_hip', 'right_hip', 'left_knee']
    place = 1000 + np.random.default_rng(0).random((100, 3, 3))
    lost = np.zeros((100, 3), bool)
    lost[30:50, 0] = True
    write_c3d(tmp_path / 'walk.c3d', place, names, lost, lost_as='zeros')
    pelvis = dict(num_node=2, joints=['mid_hip', 'left_knee'], inward=[(1, 0)], center=0)
    for target, share in ((None, '6.7%'), (pelvis, '10.0%')):
        out = tmp_path / 'gait.pkl'
        summary = convert('c3d', tmp_path / 'walk.c3d', out, labels=dict(walk=dict(subject='a', label='b')), folds=[],
                          layout=target)
        report = text_report(audit_file(out, progress=False))
        for text in (summary, report):
            assert f'| {share}' in next(line for line in text.splitlines() if '| b ' in line)
    clip = load_pickle(out)['annotations'][0]
    assert not clip['keypoint_score'][0, 30:50, 0].any() and not clip['keypoint'][0, 30:50, 0].any()


def test_marked_foot_contacts_stay_with_their_part_of_a_recording():
    clip = dict(frame_dir='a', rate=10., total_frames=20, keypoint=np.zeros((1, 20, 2, 3)),
                keypoint_score=np.ones((1, 20, 2)), events=[(0.5, 'left', 'strike'), (1.2, 'right', 'off')])
    first, second = cut(clip, 1)
    assert first['events'] == clip['events']
    assert second['events'] == [(pytest.approx(-0.5), 'left', 'strike'), (pytest.approx(0.2), 'right', 'off')]


def test_a_mean_of_a_lost_joint_is_lost(tmp_path):
    body, names = 1000 * person('gait_13', 60), list(LAYOUTS['gait_13']['joints'])
    lost = np.zeros((60, 13), bool)
    lost[20:30, names.index('left_shoulder')] = True
    write_c3d(tmp_path / 'walk.c3d', body[:, 1:], names[1:], lost[:, 1:], lost_as='zeros')  # no neck
    convert('c3d', tmp_path / 'walk.c3d', tmp_path / 'gait.pkl', labels=dict(walk=dict(subject='a', label='b')),
            folds=[], layout='gait_13')
    clip = load_pickle(tmp_path / 'gait.pkl')['annotations'][0]
    assert np.flatnonzero(clip['keypoint_score'][0, :, 0] == 0).tolist() == list(range(20, 30))
    seen = clip['keypoint_score'][0, :, 0] > 0
    shoulders = body[:, [names.index('left_shoulder'), names.index('right_shoulder')]].mean(1)
    np.testing.assert_allclose(clip['keypoint'][0, seen, 0], shoulders[seen], atol=0.5)


def test_a_layout_that_cannot_be_is_refused_unless_only_some_clips_do_not_fit(tmp_path):
    folder = tmp_path / 'walks'
    folder.mkdir()
    rows = {f'walk{index}': dict(subject=f'p{index}', label='ab'[index % 2]) for index in range(4)}
    def fill(order):
        for index, layout in enumerate(order):
            np.savez(folder / f'walk{index}.npz', keypoints=person(layout, 30, index), fps=25)
    options = dict(labels=rows, source_layout='nturgb+d', folds=[], reader=dict(dims=3))
    fill(['nturgb+d', 'nturgb+d', 'body_25', 'body_25'])
    assert 'near to those in body_25' in convert('npz', folder, tmp_path / 'a.pkl', **options)
    fill(['nturgb+d', 'body_25', 'body_25', 'body_25'])
    with pytest.raises(DataError, match='layout: in 3 of 4 clips .* body_25'):
        convert('npz', folder, tmp_path / 'b.pkl', **options)
    star = dict(LAYOUTS['body_25'], inward=tuple((joint, 0) for joint in range(1, 25)))  # of the user's own
    assert 'the given skeleton' in convert('npz', folder, tmp_path / 'c.pkl', **dict(options, source_layout=star))


def test_where_a_clip_is_from_is_taken_from_the_table_and_kept_by_a_further_conversion(lab):
    def with_site(text):
        header, *lines = text.splitlines()
        return '\n'.join([f'{header},Site,session', *(f'{line},{"Kiel" if index < 10 else ""},{index % 2}'
                                                      for index, line in enumerate(lines))])
    first, second = lab.parent / 'gait.pkl', lab.parent / 'again.pkl'
    assert 'not used: age' in convert('csv', lab, first, labels=table(lab, with_site))
    convert('mmaction', first, second)
    for path in (first, second):
        clips = {clip['frame_dir']: clip for clip in load_pickle(path)['annotations']}
        assert (clips['Müller 0_1']['site'], clips['Müller 0_1']['session']) == ('Kiel', '1')
        assert 'site' not in clips['Müller 9_0'] and 'camera' not in clips['Müller 0_1']
    assert 'site: ' in error(lab, labels=table(lab, lambda text: text.replace('Kiel', 'kiel', 1)))


def test_a_site_that_is_no_name_is_refused(tmp_path):
    data = dict(split={}, annotations=[dict(frame_dir='a', subject='a', label=0, rate=30., total_frames=3,
                                            keypoint=np.ones((1, 3, 2, 2)), site=['Kiel'])])
    with pytest.raises(DataError, match='clip a: site'):
        write(data, tmp_path / 'gait.pkl')


def scored(lab, cell='2'):
    """The table with a column of scores, of which the first is `cell` and the last is empty."""
    header, *rows = table(lab).read_text().splitlines()
    cells = [cell, *['1'] * (len(rows) - 2), '']
    return table(lab, lambda _: '\n'.join([f'{header},UPDRS_gait', *map(','.join, zip(rows, cells))]))


UPDRS = targets_of_texts(['updrs_gait=0,1,2,3'])


def test_scores_stand_beside_the_class(lab):
    out = lab.parent / 'gait.pkl'
    lines = convert('csv', lab, out, labels=scored(lab), targets=UPDRS)
    data = load_pickle(out)
    assert sorted(str(clip['targets']['updrs_gait']) for clip in data['annotations'])[-3:] == ['1', '2', 'None']
    assert 'updrs_gait: 19 of 20 clips have a value, of 10 people; 0: 0 people' in lines and 'UPDRS_gait' not in lines
    assert len(GaitDataset(str(out), [], targets=['updrs_gait'])) == 19


@pytest.mark.parametrize('cell', ['4', 'mild', '1.5', '2/3', '-1', 'inf'])
def test_score_outside_its_scale_is_named_with_its_line(lab, cell):
    line = error(lab, labels=scored(lab, cell), targets=UPDRS)
    assert "labels.csv: line 2: clip Müller 0_0: updrs_gait: " in line and cell.lower() in line.lower()


def test_missing_column_of_a_score_is_named(lab):
    assert 'header: no column updrs_gait' in error(lab, targets=UPDRS)
    assert '--score: updrs_gait: ' in error(lab, labels=None, kind='mmaction', targets=UPDRS)


@pytest.mark.parametrize('text', ['updrs', 'updrs=', 'updrs=3,2,1', 'updrs=0', 'my score=0,1'])
def test_wrong_score_option_is_named(text):
    with pytest.raises(ConfigError, match='--score'):
        targets_of_texts([text])
