# Synthetic walks of BODY_25 keypoints; data/README.md shows how to make the file.
walks = dict(
    type='SyntheticGaitDataset',
    ann_file='data/synthetic_walks/synthetic_walks.pkl',
    layout='body_25',
    cache_mb=2000.)
