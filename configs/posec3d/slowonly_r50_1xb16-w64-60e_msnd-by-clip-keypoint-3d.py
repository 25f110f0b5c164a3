_base_ = './slowonly_r50_1xb16-w64-60e_msnd-keypoint-3d.py'

# All 90 files split by clip, as papers have it: people are on both sides, and the result is not one about new people.
dataset = dict(ann_file='data/msnd/msnd_by_clip.pkl', split='msnd_by_clip', shared_subjects=True)
train_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
